import type { ApiRequest } from '@sluice/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { withModel } from './with-model.ts';

const request = (body: string): ApiRequest => ({
  method: 'POST',
  url: 'https://a.test/v1/messages',
  headers: {},
  body: new Uint8Array(Buffer.from(body)),
  signal: new AbortController().signal,
});
const textOf = ({ body }: ApiRequest): string => Buffer.from(body ?? []).toString();

test.each([
  ['{"model":"a"}', '{"model":"to"}'],
  [
    '{ "x": {"model":"a"}, "model"\n:\t"a" , "y": [ "model" ] }',
    '{ "x": {"model":"a"}, "model"\n:\t"to" , "y": [ "model" ] }',
  ],
  ['{"a\\"model":1,"model":"a\\"b","n":1e400}', '{"a\\"model":1,"model":"to","n":1e400}'],
  ['{"model":"","n":12345678901234567890}', '{"model":"to","n":12345678901234567890}'],
])('%s becomes %s', (before, after) => {
  expect(textOf(withModel(request(before), 'to'))).toBe(after);
});

test('a key written with escapes is found all the same', () => {
  expect(JSON.parse(textOf(withModel(request('{"m\\u006fdel":"a","n":1}'), 'to')))).toEqual({
    model: 'to',
    n: 1,
  });
});

test('in any body the model changes and nothing else', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.string(),
      fc.string(),
      fc.nat(3),
      (fields, from, to, space) => {
        const { model: _, ...others } = fields;
        const before = { ...others, model: from };
        const changed = withModel(request(JSON.stringify(before, undefined, space)), to);
        expect(textOf(changed)).toBe(JSON.stringify({ ...before, model: to }, undefined, space));
      },
    ),
    { numRuns: 500 },
  );
});
