import type { Clock } from '@sluice/core';
import type { ModerationOptions } from './options.ts';
import { RuleBook } from './rule-book.ts';
import type { WordSource } from './sources/source.ts';
import { buildWords } from './words/build.ts';
import { compileWords } from './words/compile.ts';
import type { CompiledWords, WordEntry } from './words/entry.ts';

/** The rules in force: the one place where a version replaces another. */
export class Rules {
  readonly #options: ModerationOptions;
  readonly #source: WordSource | undefined;
  #current: RuleBook;
  #stopWatching: (() => void) | undefined;
  #loading: Promise<void> | undefined;
  #again = false;

  constructor(options: ModerationOptions, _clock: Clock) {
    this.#options = options;
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
    await this.#load(source);
    this.#stopWatching = source.watch?.(() => {
      this.#changed(source);
    });
  }

  close(): void {
    this.#stopWatching?.();
    this.#stopWatching = undefined;
  }

  /** One load at a time; a change during it is loaded after it. */
  #changed(source: WordSource): void {
    if (this.#loading !== undefined) {
      this.#again = true;
      return;
    }
    this.#loading = this.#load(source)
      // The old list stays in force: no list at all would let everything pass.
      .catch(() => undefined)
      .finally(() => {
        this.#loading = undefined;
        if (!this.#again) return;
        this.#again = false;
        this.#changed(source);
      });
  }

  async #load(source: WordSource): Promise<void> {
    const { entries } = await source.load();
    this.#current = this.#book(await buildWords(entries));
  }

  #book(words: CompiledWords | undefined): RuleBook {
    return new RuleBook(words, [], this.#options.detectors ?? []);
  }
}
