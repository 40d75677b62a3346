import { describe, expect, test } from 'vitest';
import { chineseLines, englishDocuments } from '../../tools/benign-text.ts';
import { chineseFalseFinds, englishFalseFinds, isProse } from '../../tools/false-finds.ts';

/** Every second of them, so that words and texts come from different places. */
const half = <T>(list: readonly T[], which: number): T[] => list.filter((_, i) => i % 2 === which);

describe('of words that a benign text does not hold', () => {
  test.each([0, 1])('next to none is found in English (half %i)', (which) => {
    const documents = englishDocuments();
    const texts = half(documents, which).flat().filter(isProse);
    const { listed, found } = englishFalseFinds(
      half(documents, 1 - which)
        .flat()
        .filter(isProse),
      texts,
    );
    expect(texts.length).toBeGreaterThan(1_000);
    expect(listed.length).toBeGreaterThan(500);
    // Shown when it fails: what was found and should not be.
    if (found.length > texts.length / 1_000) expect(found).toEqual([]);
  });

  test.each([0, 1])('next to none is found in Chinese (half %i)', (which) => {
    const lines = chineseLines();
    const texts = half(lines, which);
    const { listed, found } = chineseFalseFinds(half(lines, 1 - which), texts);
    expect(listed.length).toBeGreaterThan(1_000);
    expect(texts.length).toBeGreaterThan(1_000);
    // Shown when it fails: what was found and should not be.
    if (found.length > texts.length / 1_000) expect(found).toEqual([]);
  });
});
