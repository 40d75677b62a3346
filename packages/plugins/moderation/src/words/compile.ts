import { readEscape } from '../text/escapes.ts';
import { foldSlowly, foldTable, LEET, SKIP, SPECIAL } from '../text/fold.ts';
import { KIND, kindAt, widthAt } from '../text/kinds.ts';
import { doubleArray } from './double-array.ts';
import { type CompiledWords, ENTRY, MAX_WORD_LENGTH, SEVERITIES, type WordEntry } from './entry.ts';
import { spellings } from './pinyin.ts';

/** An entry as the automaton will read it. */
interface FoldedEntry {
  readonly units: string;
  /** Bit i: the word has a separator of its own after its i-th letter. Only the first 31 are noted. */
  readonly gaps: number;
  readonly flags: number;
  readonly severity: number;
  readonly category: number;
}

/** Complaints that are kept. */
const MAX_PROBLEMS = 100;

/** Folds a word as texts are folded. */
function foldWord(text: string): { readonly units: string; readonly gaps: number } {
  const table = foldTable();
  let units = '';
  let gaps = 0;
  for (let i = 0; i < text.length;) {
    const width = widthAt(text, i);
    const unit = table[text.charCodeAt(i)] as number;
    const escape = unit === SPECIAL ? readEscape(text, i, false) : undefined;
    if (typeof escape === 'object') units += escape.character === '' ? '' : foldWord(escape.character).units;
    else if (unit === SPECIAL) units += foldSlowly(text, i);
    else if (unit !== SKIP) units += String.fromCharCode(unit);
    else if (kindAt(text, i) !== KIND.transparent && units.length > 0 && units.length <= 31) {
      gaps |= 1 << (units.length - 1);
    }
    i += typeof escape === 'object' ? escape.length : width;
  }
  return { units, gaps };
}

function edgeFlags(text: string, units: string, whole: boolean): number {
  const first = kindAt(units, 0);
  const last = kindAt(units, units.length - 1);
  const letters =
    (first === KIND.letter || last === KIND.letter ? ENTRY.letters : 0) |
    (/\p{Script=Latin}/u.test(text) ? ENTRY.latin : 0);
  if (!whole) return letters;
  return (
    letters | (first === KIND.letter ? ENTRY.leftEdge : 0) | (last === KIND.letter ? ENTRY.rightEdge : 0)
  );
}

/** The entries, each with its spellings in pinyin where it asks for them. */
function* spelledOut(entries: Iterable<WordEntry>, begin: () => void): Iterable<WordEntry> {
  for (const entry of entries) {
    begin();
    yield entry;
    if (entry.pinyin === true) yield* spellings(entry);
  }
}

/** Makes the automaton of a list. An entry that cannot be used is left out and named in `problems`. */
export function compileWords(entries: Iterable<WordEntry>): CompiledWords {
  const categories: string[] = [];
  const categoryIds = new Map<string, number>();
  const counts: Record<string, number> = Object.create(null) as Record<string, number>;
  const problems: string[] = [];
  const folded = new Map<string, FoldedEntry>();
  let hasAllowed = false;
  let index = -1;
  for (const { text, category = 'custom', severity = 'high', allow = false, whole = true } of spelledOut(
    entries,
    () => index++,
  )) {
    const { units, gaps } = foldWord(text);
    if (units.length === 0 || units.length > MAX_WORD_LENGTH) {
      // Not the word itself: problems are shown in logs.
      const why =
        units.length === 0 ? 'holds no letter or digit' : `is longer than ${MAX_WORD_LENGTH} letters`;
      if (problems.length < MAX_PROBLEMS) problems.push(`entry ${index} ${why}`);
      continue;
    }
    let id = categoryIds.get(category);
    if (id === undefined) {
      id = categories.push(category) - 1;
      categoryIds.set(category, id);
    }
    const grade = SEVERITIES.indexOf(severity);
    const key = allow ? `${units}\0` : units;
    const before = folded.get(key);
    // Two spellings of one word: the graver counts.
    if (before !== undefined && before.severity >= grade) continue;
    if (before === undefined && !allow) counts[category] = (counts[category] ?? 0) + 1;
    hasAllowed ||= allow;
    const flags = edgeFlags(text, units, whole) | (allow ? ENTRY.allow : 0);
    folded.set(key, { units, gaps: gaps | (before?.gaps ?? 0), flags, severity: grade, category: id });
  }
  // A word that is banned and allowed is allowed.
  for (const key of Array.from(folded.keys())) if (key.endsWith('\0')) folded.delete(key.slice(0, -1));

  const list = [...folded.values()];
  const { alphabet, letters } = alphabetOf(list);
  const coded = list.map(({ units }, at) => ({ at, code: encode(units, alphabet) }));
  coded.sort((a, b) => (a.code < b.code ? -1 : a.code > b.code ? 1 : 0));
  const sorted = coded.map(({ at }) => list[at] as FoldedEntry);
  const built = doubleArray(
    coded.map(({ code }) => code),
    sorted.map(({ gaps }) => gaps),
    sorted.map(({ flags }) => (flags & ENTRY.leftEdge) === 0),
    letters,
  );
  return {
    ...built,
    ...tables(alphabet),
    alphabet,
    flags: Uint8Array.from(sorted, ({ flags }) => flags),
    severity: Uint8Array.from(sorted, ({ severity }) => severity),
    category: Uint16Array.from(sorted, ({ category }) => category),
    categories,
    counts: { ...counts },
    problems,
    hasAllowed,
  };
}

/** Numbers the letters that occur, frequent ones first: the double array gets denser by it. */
function alphabetOf(entries: readonly FoldedEntry[]): { alphabet: Uint16Array; letters: number } {
  const frequency = new Uint32Array(65_536);
  for (const { units } of entries) {
    for (let i = 0; i < units.length; i++) {
      const unit = units.charCodeAt(i);
      frequency[unit] = (frequency[unit] as number) + 1;
    }
  }
  const used: number[] = [];
  for (let unit = 0; unit < 65_536; unit++) if (frequency[unit] !== 0) used.push(unit);
  used.sort((a, b) => (frequency[b] as number) - (frequency[a] as number));
  const alphabet = new Uint16Array(65_536).fill(2);
  for (const [rank, unit] of used.entries()) alphabet[unit] = rank + 3;
  return { alphabet, letters: used.length + 3 };
}

function encode(units: string, alphabet: Uint16Array): string {
  let code = '';
  for (let i = 0; i < units.length; i++) code += String.fromCharCode(alphabet[units.charCodeAt(i)] as number);
  return code;
}

function tables(alphabet: Uint16Array): Pick<CompiledWords, 'table' | 'leetTable'> {
  const fold = foldTable();
  const table = new Uint16Array(65_536);
  for (let unit = 0; unit < 65_536; unit++) {
    const folded = fold[unit] as number;
    table[unit] = folded > SPECIAL ? (alphabet[folded] as number) : folded;
  }
  const leetTable = table.slice();
  for (const [sign, letter] of LEET) leetTable[sign.charCodeAt(0)] = alphabet[letter.charCodeAt(0)] as number;
  return { table, leetTable };
}
