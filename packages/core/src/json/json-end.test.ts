import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonEnd } from './json-end.ts';

function whole(...chunks: readonly (string | Uint8Array)[]): boolean {
  const end = new JsonEnd();
  for (const chunk of chunks) end.push(Buffer.from(chunk));
  return end.whole;
}

const text = fc.string({
  unit: fc.constantFrom('a', '"', '\\', '{', '}', '[', ']', 'ü', '😀', '\n', 'x'.repeat(40)),
  maxLength: 30,
});
const json = fc
  .oneof(
    fc.dictionary(text, fc.oneof(text, fc.jsonValue())),
    fc.array(fc.oneof(text, fc.jsonValue()), { minLength: 0 }),
  )
  .chain((value) => fc.constantFrom(JSON.stringify(value), JSON.stringify(value, null, 2)));

describe('JsonEnd', () => {
  it('takes no strict prefix of an object or array for whole, and the text itself for whole', () => {
    fc.assert(
      fc.property(json, (value) => {
        const bytes = Buffer.from(value);
        const end = new JsonEnd();
        for (let i = 0; i < bytes.length; i++) {
          if (end.whole) return false;
          end.push(bytes.subarray(i, i + 1));
        }
        return end.whole;
      }),
      { numRuns: 300 },
    );
  });

  it('comes to the same however the text is cut', () => {
    fc.assert(
      fc.property(json, fc.array(fc.nat(500), { maxLength: 8 }), fc.nat(500), (value, cuts, length) => {
        const bytes = Buffer.from(value).subarray(0, length);
        const points = [...new Set([0, ...cuts.filter((cut) => cut < bytes.length), bytes.length])].toSorted(
          (a, b) => a - b,
        );
        // Streams that others made may hold empty pieces.
        const chunks = points.slice(1).flatMap((point, i) => [bytes.subarray(points[i], point), '']);
        return whole(...chunks) === whole(bytes) && whole(bytes) === length >= Buffer.byteLength(value);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['{}', true],
    ['[]', true],
    [' \n{"a":1}\n ', true],
    ['\ufeff{}', true],
    ['', false],
    ['   ', false],
    ['"text"', false],
    ['{"a":"}"', false],
    ['{"a":"\\"}', false],
    ['{"a":"\\\\"}', true],
    ['{}{', false],
    ['{}"', false],
  ])('%j is whole: %s', (value, expected) => {
    expect(whole(value)).toBe(expected);
  });

  it('remembers a backslash over an empty piece', () => {
    expect(whole('{"a":"x\\', '', '"y"}')).toBe(true);
    expect(whole('{"a":"x\\', '', '"}')).toBe(false);
  });

  it('takes time in proportion to the length, in one piece or in many', () => {
    const cost = (n: number, size: number): number => {
      const bytes = Buffer.from(`{"a":"${'\\"\\\\'.repeat(n)}`);
      let best = Infinity;
      for (let round = 0; round < 3; round++) {
        const start = performance.now();
        const end = new JsonEnd();
        for (let i = 0; i < bytes.length; i += size) end.push(bytes.subarray(i, i + size));
        best = Math.min(best, performance.now() - start);
      }
      return best;
    };
    for (const size of [7, 1 << 30]) {
      // 64 times the input: linear is 64, quadratic is 4,096.
      expect(cost(640_000, size) / Math.max(cost(10_000, size), 0.05)).toBeLessThan(1_000);
    }
  });
});
