import type { CacheEntry } from './store.ts';

/** How long entries may be used beyond their time. */
export interface StaleWindows {
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
}

/** What an entry may be used for now. */
export type Use = 'fresh' | 'while-revalidating' | 'if-error' | 'none';

/** Age in milliseconds; a clock that was set back makes it no younger than new. */
export function ageOf({ storedAt }: CacheEntry, now: number): number {
  return Math.max(0, now - storedAt);
}

/** What an entry may be used for by a caller who takes nothing older than `maxAgeMs`. */
export function useOf(
  entry: CacheEntry,
  now: number,
  { staleWhileRevalidateMs, staleIfErrorMs }: StaleWindows,
  maxAgeMs: number,
): Use {
  const age = ageOf(entry, now);
  if (age > maxAgeMs) return 'none';
  const over = age - entry.ttlMs;
  if (over < 0) return 'fresh';
  if (over < staleWhileRevalidateMs) return 'while-revalidating';
  return over < staleIfErrorMs ? 'if-error' : 'none';
}
