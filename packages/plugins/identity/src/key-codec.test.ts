import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KeyCodec } from './key-codec.ts';

const codec = new KeyCodec({ prefix: 'sk-sl' });

describe('a key', () => {
  test('has a prefix, a public part and a secret, and no two are alike', () => {
    const keys = Array.from({ length: 200 }, () => codec.make());
    expect(new Set(keys.map(({ id }) => id)).size).toBe(200);
    for (const { text, id, hash } of keys) {
      expect(text).toMatch(/^sk-sl-[0-9A-Za-z]{12}-[0-9A-Za-z]{49}$/);
      expect(text.startsWith(`sk-sl-${id}-`)).toBe(true);
      const read = codec.read(text);
      expect(read?.id).toBe(id);
      expect(Buffer.from(read?.hash ?? '', 'latin1').toString('base64url')).toBe(hash);
      expect(hash).not.toContain(text.slice(19, 62));
    }
  });

  test('is none any more with any one character changed, missing or added', () => {
    const { text } = codec.make();
    const position = fc.integer({ min: 0, max: text.length - 1 });
    fc.assert(
      fc.property(position, fc.string({ unit: 'binary', maxLength: 2 }), (at, put) => {
        const changed = text.slice(0, at) + put + text.slice(at + 1);
        if (changed !== text) expect(codec.read(changed)).toBeUndefined();
      }),
      { numRuns: 5_000 },
    );
    for (const odd of [`${text} `, ` ${text}`, `${text}\n`, `${text}, ${text}`, text.toUpperCase()]) {
      expect(codec.read(odd)).toBeUndefined();
    }
  });

  test('of another prefix or another hmacKey is none', () => {
    const keyed = new KeyCodec({ prefix: 'sk-sl', hmacKey: 'k'.repeat(32) });
    const other = new KeyCodec({ prefix: 'sk-no' });
    for (const [made, reads] of [
      [codec, keyed],
      [keyed, codec],
      [other, codec],
      [codec, other],
    ] as const) {
      expect(reads.read(made.make().text)).toBeUndefined();
    }
  });

  test('is made of letters that are all as likely', () => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 2_000; i++)
      for (const letter of codec.make().id) counts.set(letter, (counts.get(letter) ?? 0) + 1);
    expect(counts.size).toBe(62);
    // 24 000 letters, 387 each; 5 standard deviations.
    for (const count of counts.values()) expect(Math.abs(count - 387)).toBeLessThan(100);
  });
});
