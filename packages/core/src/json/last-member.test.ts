import fc from 'fast-check';
import { expect, it } from 'vitest';
import { lastMember } from './last-member.ts';

const member = (text: string): unknown => lastMember(Buffer.from(text), 'usage');

it.each([
  ['{"usage":{"a":[1,{"b":2}]}}', { a: [1, { b: 2 }] }],
  ['{"a":1 , "usage" :\n 7 , "b":{"c":[]}} \n', 7],
  ['{"usage":1,"usage":2}', 2],
  ['{"us\\u0061ge":3}', 3],
  ['{"usage":4,"a":{"usage":5}}', 4],
  ['{"a":{"usage":5},"usage":4}', 4],
  ['{"usage":4,"a":[{"usage":5}],"b":1}', 4],
  ['{"usage":4,"a":"usage"}', 4],
  ['{"usage":4,"a":["usage","b"]}', 4],
  ['{"usage":"\\"usage\\":9","b":"}"}', '"usage":9'],
  ['{"text":"\\"usage\\":9"}', undefined],
  ['{"a":{"usage":5}}', undefined],
  ['["usage",1]', undefined],
  ['"usage"', undefined],
  ['null', undefined],
  ['{"usage":', undefined],
  ['{"usage":{]}', undefined],
  ['{"usage":1}}', undefined],
  ['', undefined],
])('%s', (text, expected) => {
  expect(member(text)).toEqual(expected);
});

it('finds it however far from the end, and a last one that is nearer', () => {
  for (let length = 980; length < 1_100; length++) {
    const tail = 'x'.repeat(length);
    expect(member(`{"usage":{"ü":4},"b":"${tail}"}`)).toEqual({ ü: 4 });
    expect(member(`{"usage":4,"b":"${tail}","usage":5}`)).toBe(5);
    expect(member(`{"b":"${tail}\\"usage\\":6"}`)).toBeUndefined();
  }
});

it('is what parsing the whole text shows, for any JSON', () => {
  const key = fc.constantFrom('usage', 'a', '"usage":', '\\', '}', '');
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom(null, true, 1.5e10, -1),
      key,
      fc.string(),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(key, tie('value'), { maxKeys: 4 }),
    ),
  })).value;
  fc.assert(
    fc.property(json, fc.constantFrom(undefined, 2), (value, space) => {
      const text = JSON.stringify(value, undefined, space);
      const whole = JSON.parse(text) as Record<string, unknown> | null;
      expect(member(text)).toEqual(
        whole !== null && Object.hasOwn(Object(whole) as object, 'usage') ? whole['usage'] : undefined,
      );
    }),
    { numRuns: 2_000 },
  );
});
