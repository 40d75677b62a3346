import type { CacheEntry } from './store.ts';
import { ageOf } from './freshness.ts';

/** How the cache took part, in RFC 9211's words. */
export type CacheStatusWord =
  | { readonly hit: CacheEntry }
  | {
      readonly fwd: 'miss' | 'stale' | 'request' | 'bypass';
      readonly collapsed?: true;
      readonly detail?: string;
    };

/** `cache-status` and, of a stored answer, `age`. The key is not told: it would help to guess. */
export function statusHeaders(word: CacheStatusWord, now: number): Record<string, string> {
  if ('hit' in word) {
    const age = ageOf(word.hit, now);
    const ttl = Math.floor((word.hit.ttlMs - age) / 1_000);
    return { 'cache-status': `sluice; hit; ttl=${ttl}`, age: String(Math.floor(age / 1_000)) };
  }
  const { fwd, collapsed, detail } = word;
  const collapse = collapsed === true ? '; collapsed' : '';
  return {
    'cache-status': `sluice; fwd=${fwd}${collapse}${detail === undefined ? '' : `; detail=${detail}`}`,
  };
}
