import type { Clock } from '@sluice/core';
import type { WordEntry } from '../words/entry.ts';

/** One version of a list. */
export interface WordList {
  /** Its entries. */
  readonly entries: readonly WordEntry[];
  /** Names the version, for instance a hash or a date. Default: none. */
  readonly version?: string;
  /** When the list was made, in milliseconds since the Unix epoch: for the warning about its age. Default: unknown. */
  readonly updatedAt?: number;
}

/** Where words come from. */
export interface WordSource {
  /**
   * Reads the list. When it fails, or gives no word to look for, at the start, the pipeline does not start; later the
   * old list stays in force.
   */
  load(): Promise<WordList>;
  /**
   * Calls `changed` when the list is to be read again; begun before the first `load`, so that nothing is missed.
   * Returns what ends the watch. Default: it is read once.
   */
  watch?(changed: () => void, clock: Clock): () => void;
}
