import type { ApiRequest, Context, Next } from '@sluice/core';
import type { ReadRules } from './rules.ts';
import type { CacheEntry } from './store.ts';

/** A call that the cache takes part in. */
export interface Call {
  readonly request: ApiRequest;
  readonly next: Next;
  readonly ctx: Context;
  readonly rules: ReadRules;
  /** What decides its answer. */
  readonly key: string;
  /** By what its entry can be purged. */
  readonly tags: readonly string[];
  /** How many verdicts it had before the cache; later ones may be about the answer. */
  readonly verdicts: number;
  /** Whether it may share a request with others. */
  readonly shared: boolean;
  /** How old what it is answered with may be. */
  readonly maxAgeMs: number;
  /** What it may be answered with if the upstream fails. */
  readonly stale: CacheEntry | undefined;
}
