import { describe, expect, test } from 'vitest';
import { chineseLines, englishDocuments } from '../../tools/benign-text.ts';
import { foldTable } from '../text/fold.ts';
import { compileWords } from './compile.ts';
import { WordFinder } from './word-finder.ts';

/** Letter by letter, as every reader of the list reads them: 來 is 来, É is e. */
function folded(text: string): string {
  const table = foldTable();
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const unit = table[text.charCodeAt(i)] as number;
    out += unit > 2 ? String.fromCharCode(unit) : text.charAt(i);
  }
  return out;
}

/** Sentences, and neither code nor tables. */
const isProse = (line: string): boolean =>
  /[a-z]{2,} [a-z]{2,} [a-z]{2,} /.test(line) && !/[`{}=;<>|\\]|https?:/.test(line);

/** Every second of them, so that words and texts come from different places. */
const half = <T>(list: readonly T[], which: number): T[] => list.filter((_, i) => i % 2 === which);

/** What is found in the texts. */
function foundIn(words: readonly string[], texts: readonly string[]): string[] {
  const finder = new WordFinder(compileWords(words.map((text) => ({ text }))));
  return texts.flatMap((text) =>
    finder.find(text, { final: true, json: false }).finds.map(({ start, end }) => text.slice(start, end)),
  );
}

describe('of words that a benign text does not hold', () => {
  test.each([0, 1])('next to none is found in English (half %i)', (which) => {
    const documents = englishDocuments();
    const texts = half(documents, which).flat().filter(isProse);
    const text = folded(texts.join('\n'));
    // A work-around is a workaround: that one is the same word.
    const compounds = (text.match(/\p{L}+(?:-\p{L}+)+/gu) ?? []).map((word) => word.replaceAll('-', ''));
    const held = new Set([...(text.match(/\p{L}+/gu) ?? []), ...compounds]);
    const words = new Set(
      half(documents, 1 - which)
        .flat()
        .filter(isProse)
        .join('\n')
        .match(/(?<=[ (])[a-z]{4,}(?=[ ,.)])/g),
    );
    const listed = [...words].filter((word) => !held.has(word));
    const found = foundIn(listed, texts);
    expect(texts.length).toBeGreaterThan(1_000);
    expect(listed.length).toBeGreaterThan(500);
    // Shown when it fails: what was found and should not be.
    if (found.length > texts.length / 1_000) expect(found).toEqual([]);
  });

  test.each([0, 1])('next to none is found in Chinese (half %i)', (which) => {
    const lines = chineseLines();
    const texts = half(lines, which);
    const held = folded(texts.join('\n'));
    const words = new Set<string>();
    for (const line of half(lines, 1 - which)) {
      for (const run of line.match(/\p{Script=Han}{2,}/gu) ?? []) {
        for (const length of [2, 3, 4]) {
          for (let i = 0; i + length <= run.length; i += length) words.add(run.slice(i, i + length));
        }
      }
    }
    const listed = [...words].filter((word) => !held.includes(folded(word))).slice(0, 10_000);
    const found = foundIn(listed, texts);
    expect(listed.length).toBeGreaterThan(1_000);
    expect(texts.length).toBeGreaterThan(1_000);
    // Shown when it fails: what was found and should not be.
    if (found.length > texts.length / 1_000) expect(found).toEqual([]);
  });
});
