// What the word list finds in texts that hold none of its words: the words come from one lot of texts, and those that
// stand in the other lot, which is read, are taken out of the list first.
import { foldTable } from '../src/text/fold.ts';
import { compileWords } from '../src/words/compile.ts';
import { WordFinder } from '../src/words/word-finder.ts';

/** What was looked for, and what was found though it is not there. */
export interface FalseFinds {
  readonly listed: readonly string[];
  readonly found: readonly string[];
}

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
export function isProse(line: string): boolean {
  return /[a-z]{2,} [a-z]{2,} [a-z]{2,} /.test(line) && !/[`{}=;<>|\\]|https?:/.test(line);
}

function foundIn(words: readonly string[], texts: readonly string[]): string[] {
  const finder = new WordFinder(compileWords(words.map((text) => ({ text }))));
  return texts.flatMap((text) =>
    finder.find(text, { final: true, json: false }).finds.map(({ start, end }) => text.slice(start, end)),
  );
}

/** English: whole words of four letters and more. */
export function englishFalseFinds(given: readonly string[], read: readonly string[]): FalseFinds {
  const held = new Set<string>();
  for (const text of read) {
    const letters = folded(text);
    for (const [word] of letters.matchAll(/\p{L}+/gu)) held.add(word);
    // A work-around is a workaround, and Node.js is nodejs: that is the same word.
    for (const [word] of letters.matchAll(/\p{L}+(?:[-./_]\p{L}+)+/gu))
      held.add(word.replaceAll(/[-./_]/g, ''));
  }
  const words = new Set<string>();
  for (const text of given)
    for (const [word] of text.matchAll(/(?<=[ (])[a-z]{4,}(?=[ ,.)])/g)) words.add(word);
  const listed = [...words].filter((word) => !held.has(word)).slice(0, 10_000);
  return { listed, found: foundIn(listed, read) };
}

/** Chinese: two to four characters that stand together. */
export function chineseFalseFinds(given: readonly string[], read: readonly string[]): FalseFinds {
  const held = new Set<string>();
  for (const text of read) {
    const letters = folded(text);
    for (const length of [2, 3, 4]) {
      for (let i = 0; i + length <= letters.length; i++) held.add(letters.slice(i, i + length));
    }
  }
  const words = new Set<string>();
  for (const text of given) {
    for (const [run] of text.matchAll(/\p{Script=Han}{2,}/gu)) {
      for (const length of [2, 3, 4]) {
        for (let i = 0; i + length <= run.length; i += length) words.add(run.slice(i, i + length));
      }
    }
  }
  const listed = [...words].filter((word) => !held.has(folded(word))).slice(0, 10_000);
  return { listed, found: foundIn(listed, read) };
}
