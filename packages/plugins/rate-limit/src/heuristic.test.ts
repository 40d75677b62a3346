import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tokensOfBody } from './heuristic.ts';

const body = (content: string): Buffer =>
  Buffer.from(JSON.stringify({ messages: [{ role: 'user', content }] }));

describe('the heuristic', () => {
  // What tokenizers say of such texts: a quarter per byte of English, 0.9 per Chinese character.
  test.each([
    ['English', 'The quick brown fox jumps over the lazy dog. '.repeat(500), 5_625],
    ['Chinese', '敏捷的棕色狐狸跳过了懒狗。'.repeat(500), 5_850],
    ['code', 'const x = f(a, b) ?? { y: [1, 2] };\n'.repeat(500), 4_500],
  ])('is right about %s within a third', (_, text, tokens) => {
    const guess = tokensOfBody(body(text));
    expect(guess).toBeGreaterThan(tokens * 0.67);
    expect(guess).toBeLessThan(tokens * 1.5);
  });

  test('does not take an image for text', () => {
    expect(tokensOfBody(body(Buffer.alloc(1 << 20, 'image bytes').toString('base64')))).toBeLessThan(20_000);
  });

  test('says something sensible of any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5_000 }), (bytes) => {
        const tokens = tokensOfBody(bytes);
        expect(Number.isSafeInteger(tokens)).toBe(true);
        expect(tokens).toBeGreaterThanOrEqual(0);
        expect(tokens).toBeLessThanOrEqual(Math.ceil(bytes.length * 0.3));
      }),
    );
    expect(tokensOfBody(null)).toBe(0);
  });
});
