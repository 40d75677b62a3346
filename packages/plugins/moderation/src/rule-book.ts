import { CombinedFinder } from './combined-finder.ts';
import type { DetectorName } from './detect/detectors.ts';
import { DetectorFinder } from './detect/detector-finder.ts';
import { type Find, type Finder, WHOLE } from './finder.ts';
import { hiddenTexts } from './text/hidden.ts';
import { TextCache } from './text-cache.ts';
import type { CompiledWords } from './words/entry.ts';
import { WordFinder } from './words/word-finder.ts';

const CACHED_TEXTS = 10_000;
/** Finds of a text that are remembered, at most: a caller must not fill memory with them. A text with more is read again. */
const MAX_CACHED_FINDS = 16;
const NOTHING: readonly Find[] = [];

/** All that is looked for, in one version. Replaced as a whole when a list changes; calls keep the one they began with. */
export class RuleBook {
  readonly finder: Finder;
  readonly #words: Finder | undefined;
  readonly #cache = new TextCache<readonly Find[]>(CACHED_TEXTS);

  constructor(
    words: CompiledWords | undefined,
    others: readonly Finder[],
    detectors: readonly DetectorName[],
  ) {
    this.#words = words === undefined ? undefined : new WordFinder(words);
    const finders = this.#words === undefined ? [...others] : [this.#words, ...others];
    if (detectors.length > 0) finders.push(new DetectorFinder(detectors));
    this.finder = new CombinedFinder(finders);
  }

  /** Whether there is nothing to look for. */
  get empty(): boolean {
    return this.#words === undefined;
  }

  /** Finds in a whole text, hidden texts included. */
  findAll(text: string): readonly Find[] {
    const key = this.#cache.key(text);
    const known = this.#cache.get(key);
    if (known !== undefined) return known;
    const { finds } = this.finder.find(text, WHOLE);
    let all = finds;
    if (this.#words !== undefined) {
      for (const { start, end, text: inner } of hiddenTexts(text)) {
        const hidden = this.#words.find(inner, WHOLE).finds.filter(({ allow }) => !allow);
        if (hidden.length > 0) all = [...all, ...hidden.map((find) => ({ ...find, start, end }))];
      }
    }
    const result = all.length === 0 ? NOTHING : all;
    if (result.length <= MAX_CACHED_FINDS) this.#cache.set(key, result);
    return result;
  }
}
