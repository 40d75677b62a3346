import { type Clock, type Random, VERDICTS } from '@sluice/core';
import type { Flight } from './flight.ts';
import type { GuardedStore } from './guarded-store.ts';
import type { CacheSettings } from './options.ts';
import type { CacheEntry } from './store.ts';

/** Up to this share longer or shorter, so that what was stored together does not expire together. */
const TTL_JITTER = 0.1;

/** Decides what of a flight that is over is stored. */
export class Keeper {
  readonly #store: GuardedStore;
  readonly #settings: CacheSettings;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(store: GuardedStore, settings: CacheSettings, clock: Clock, random: Random) {
    this.#store = store;
    this.#settings = settings;
    this.#clock = clock;
    this.#random = random;
  }

  /** Stores a flight's answer, if it is whole and of the kind that is stored. */
  keep(flight: Flight): void {
    const { leader, lease, startedAt } = flight;
    const body = this.#bodyOf(flight);
    if (body === undefined) {
      this.#store.release(leader.key, lease);
      return;
    }
    const { ttlMs, staleWhileRevalidateMs, staleIfErrorMs } = this.#settings;
    const jittered = ttlMs * (1 + TTL_JITTER * (2 * this.#random.next() - 1));
    const entry: CacheEntry = {
      key: leader.key,
      storedAt: this.#clock.wallTime(),
      ttlMs: jittered,
      contentType: String(flight.head?.headers['content-type'] ?? ''),
      body,
    };
    this.#store.set(leader.key, entry, {
      keepMs: jittered + Math.max(staleWhileRevalidateMs, staleIfErrorMs),
      tags: leader.tags,
      ageMs: this.#clock.now() - startedAt,
      ...(lease === undefined ? {} : { lease }),
    });
  }

  #bodyOf({ leader, log, storable }: Flight): Uint8Array | undefined {
    if (!storable || log?.end === undefined || log.end.error !== undefined) return undefined;
    if (!log.whole || log.terminated !== undefined) return undefined;
    const { ctx, rules, verdicts } = leader;
    // Something that was said of this very answer, by a plugin on either side.
    const later = ctx.state.get(VERDICTS)?.slice(verdicts) ?? [];
    if (later.some(({ action }) => action !== 'flagged')) return undefined;
    const bytes = log.bytes();
    if (bytes.length === 0 || bytes.length > this.#settings.maxEntryBytes) return undefined;
    if (ctx.streamed) return bytes;
    const kind = rules.answer(parse(bytes));
    return kind === undefined || (kind === 'tool-call' && this.#settings.toolCalls) ? bytes : undefined;
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()) as unknown;
  } catch {
    return undefined;
  }
}
