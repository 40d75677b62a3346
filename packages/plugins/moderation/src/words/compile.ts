import { foldTable, LEET, SPECIAL } from '../text/fold.ts';
import { doubleArray } from './double-array.ts';
import { type CompiledWords, ENTRY, MAX_WORD_LENGTH, SEVERITIES, type WordEntry } from './entry.ts';
import { FoldedList } from './folded-list.ts';
import { spellings } from './pinyin.ts';
import { trieOf } from './trie.ts';

/** Complaints that are kept. */
const MAX_PROBLEMS = 100;

/** Makes the automaton of a list. An entry that cannot be used is left out and named in `problems`. */
export function compileWords(entries: Iterable<WordEntry>): CompiledWords {
  const list = new FoldedList();
  const categories = new Map<string, number>();
  const problems: string[] = [];
  let index = 0;
  for (const entry of entries) {
    const problem = take(list, entry, categories);
    // Not the word itself: problems are shown in logs.
    if (problem !== undefined && problems.length < MAX_PROBLEMS) problems.push(`entry ${index} ${problem}`);
    if (entry.pinyin === true) for (const spelling of spellings(entry)) take(list, spelling, categories);
    index++;
  }
  const { alphabet, letters } = alphabetOf(list.frequencies());
  list.encode(alphabet);
  const order = list.sorted();
  const names = [...categories.keys()];
  const flags = picked(list.flags, order);
  const category = picked(list.category, order);
  return {
    ...doubleArray(trieOf(list, order), letters),
    ...tables(alphabet),
    alphabet,
    flags,
    severity: picked(list.severity, order),
    category,
    categories: names,
    counts: countsOf(flags, category, names),
    problems,
    hasAllowed: flags.some((flag) => (flag & ENTRY.allow) !== 0),
  };
}

/** What is known of the words, in their order. */
function picked<T extends Uint8Array | Uint16Array>(of: T, order: Uint32Array): T {
  const all = new (of.constructor as new (length: number) => T)(order.length);
  for (let i = 0; i < order.length; i++) all[i] = of[order[i] as number] as number;
  return all;
}

/** Takes an entry into the list, or says what is wrong with it. */
function take(list: FoldedList, entry: WordEntry, categories: Map<string, number>): string | undefined {
  const { text, category = 'custom', severity = 'high', allow = false, whole = true } = entry;
  const length = list.read(text);
  if (length === 0) return 'holds no letter or digit';
  if (length > MAX_WORD_LENGTH) return `is longer than ${MAX_WORD_LENGTH} letters`;
  let id = categories.get(category);
  if (id === undefined) {
    id = categories.size;
    categories.set(category, id);
  }
  const latin = /\p{Script=Latin}/u.test(text) ? ENTRY.latin : 0;
  const flags = list.edges(whole) | latin | (allow ? ENTRY.allow : 0);
  list.keep(flags, SEVERITIES.indexOf(severity), id);
  return undefined;
}

function countsOf(
  flags: Uint8Array,
  category: Uint16Array,
  names: readonly string[],
): Record<string, number> {
  const counts = new Map<string, number>();
  for (let word = 0; word < flags.length; word++) {
    if (((flags[word] as number) & ENTRY.allow) !== 0) continue;
    const name = names[category[word] as number] as string;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return Object.fromEntries(counts);
}

/** Numbers the letters that occur, frequent ones first: the double array gets denser by it. */
function alphabetOf(frequency: Uint32Array): { alphabet: Uint16Array; letters: number } {
  const used: number[] = [];
  for (let unit = 0; unit < 65_536; unit++) if (frequency[unit] !== 0) used.push(unit);
  used.sort((a, b) => (frequency[b] as number) - (frequency[a] as number));
  const alphabet = new Uint16Array(65_536).fill(2);
  for (const [rank, unit] of used.entries()) alphabet[unit] = rank + 3;
  return { alphabet, letters: used.length + 3 };
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
