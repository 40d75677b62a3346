import * as v from 'valibot';
import { expect, it } from 'vitest';
import { validateOptions } from './validate-options.ts';

const number = v.number('must be a number');
const schema = v.strictObject({
  a: v.exactOptional(
    v.strictObject({ b: v.exactOptional(v.array(v.strictObject({ c: v.exactOptional(number) }))) }),
  ),
  either: v.exactOptional(v.union([v.literal(false), v.strictObject({ d: v.exactOptional(number) })])),
  service: v.exactOptional(v.custom<object>((value) => typeof value === 'object')),
});
const checked = (options: unknown): unknown => validateOptions('x', schema, options);

it('takes undefined for left out, in lists and in alternatives too', () => {
  expect(checked({ a: { b: [{ c: undefined }, { c: 1 }] }, either: { d: undefined } })).toEqual({
    a: { b: [{}, { c: 1 }] },
    either: {},
  });
});

it('leaves what the options hold the same objects', () => {
  const circular: Record<string, unknown> = { open: undefined };
  circular['self'] = circular;
  expect(checked({ service: circular })).toHaveProperty('service', circular);
  class Service {
    readonly state = undefined;
  }
  const service = new Service();
  expect((checked({ service, either: { d: undefined } }) as { service: unknown }).service).toBe(service);
});

it('complains of the rest in one sentence, and of options that hold themselves too', () => {
  const circular: Record<string, unknown> = { open: undefined };
  circular['self'] = circular;
  expect(() => checked({ a: { b: [{ c: 'x' }] }, service: circular, e: 1 })).toThrow(
    new TypeError('x: option "a.b.0.c": must be a number; there is no option "e".'),
  );
});
