import type { Clock } from '@sluice/core';
import type { ListReport, ModerationOptions } from './options.ts';
import type { Finder } from './finder.ts';
import { PatternFinder } from './patterns/pattern-finder.ts';
import { RuleBook } from './rule-book.ts';
import type { WordSource } from './sources/source.ts';
import { buildWords } from './words/build.ts';
import { compileWords } from './words/compile.ts';
import type { CompiledWords, WordEntry } from './words/entry.ts';

const DAY_MS = 86_400_000;
/** The standard asks for a weekly update of the list. */
const WEEK_MS = 7 * DAY_MS;

/** The rules in force: the one place where a version replaces another. */
export class Rules {
  readonly #options: ModerationOptions;
  readonly #clock: Clock;
  readonly #patterns: readonly Finder[];
  readonly #source: WordSource | undefined;
  #current: RuleBook;
  #stopWatching: (() => void) | undefined;
  #loading = false;
  #again = false;

  constructor(options: ModerationOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#patterns = options.patterns === undefined ? [] : [new PatternFinder(options.patterns)];
    const { words = [] } = options;
    this.#source = 'load' in words ? words : undefined;
    this.#current = this.#book('load' in words ? undefined : compileWords(words as readonly WordEntry[]));
  }

  get current(): RuleBook {
    return this.#current;
  }

  async start(): Promise<void> {
    const source = this.#source;
    if (source === undefined) return;
    // Before the list is read, or what changes during that would be missed.
    this.#stopWatching = source.watch?.(() => void this.#reload(source), this.#clock);
    this.#loading = true;
    try {
      await this.#load(source);
    } catch (error) {
      this.close();
      throw error;
    } finally {
      this.#loading = false;
    }
    if (this.#again) void this.#reload(source);
  }

  close(): void {
    this.#stopWatching?.();
    this.#stopWatching = undefined;
    this.#again = false;
  }

  /** One load at a time; a change during it is loaded after it. */
  async #reload(source: WordSource): Promise<void> {
    this.#again = true;
    if (this.#loading) return;
    this.#loading = true;
    while (this.#again) {
      this.#again = false;
      try {
        await this.#load(source);
      } catch (error) {
        // The old list stays in force: no list at all would let everything pass.
        this.#tell({ problems: [`the list could not be read: ${(error as Error).message}`] });
      }
    }
    this.#loading = false;
  }

  async #load(source: WordSource): Promise<void> {
    const { entries, version, updatedAt } = await source.load();
    const words = await buildWords(entries);
    // Most likely somebody has just begun to write it; in force, it would let everything pass.
    if (Object.keys(words.counts).length === 0) throw new Error('it has no word to look for');
    this.#current = this.#book(words);
    const { maxListAgeMs = WEEK_MS } = this.#options;
    const ageMs = updatedAt === undefined ? undefined : this.#clock.wallTime() - updatedAt;
    const old = ageMs !== undefined && ageMs > maxListAgeMs;
    const { counts } = words;
    this.#tell({
      ...(version === undefined ? {} : { version }),
      counts,
      problems: old
        ? [...words.problems, `the list is ${Math.floor(ageMs / DAY_MS)} days old`]
        : words.problems,
    });
  }

  #tell(report: ListReport): void {
    try {
      this.#options.onList?.(report);
    } catch {
      // A listener's failure is its own.
    }
  }

  #book(words: CompiledWords | undefined): RuleBook {
    return new RuleBook(words, this.#patterns, this.#options.detectors ?? []);
  }
}
