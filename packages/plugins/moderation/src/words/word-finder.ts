import type { Find, Finder, Found, Reading } from '../finder.ts';
import type { CompiledWords } from './entry.ts';
import { type WordHit, WordScanner } from './scan.ts';

/** Digits and signs next to letters, or at the end of what has come so far. */
const LEET = /[a-z][^a-z\s]{0,3}[0134578@$!|]|[0134578@$!|][^a-z\s]{0,3}[a-z]|[0134578@$!|][^a-z\s]{0,3}$/i;

/** Most texts hold none of these, and this is quickly seen. */
const STAND_INS = /[0134578@$!|]/;
const NO_FINDS: readonly Find[] = [];

/** Finds the words of a list, as they are spelled and in digits and signs. */
export class WordFinder implements Finder {
  readonly #scanner: WordScanner;
  readonly #hasAllowed: boolean;

  constructor(words: CompiledWords) {
    this.#scanner = new WordScanner(words);
    this.#hasAllowed = words.hasAllowed;
  }

  find(text: string, { final, json, seams }: Reading): Found {
    const plain = this.#scanner.scan(text, { final, json, seams });
    let { hold } = plain;
    let hits = plain.hits;
    if (STAND_INS.test(text) && LEET.test(text)) {
      const leet = this.#scanner.scan(text, { final, json, leet: true, seams });
      hits = hits.length === 0 ? leet.hits : [...hits, ...leet.hits];
      hold = Math.min(hold, leet.hold);
    }
    const finds = hits.length === 0 ? NO_FINDS : hits.map(findOf);
    if (!this.#hasAllowed || finds.length === 0 || hold === text.length) return { finds, hold };
    // An exception that is still under way may cover what was found.
    return { finds: finds.filter((find) => find.allow || find.start < hold), hold };
  }
}

function findOf({ start, end, category, severity, allow }: WordHit): Find {
  const find = { start, end, rule: `word:${category}`, category, severity };
  return allow ? { ...find, allow } : find;
}
