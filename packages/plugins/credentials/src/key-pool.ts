import type { Random } from '@sluice/core';
import type { UpstreamKey } from './upstream-key.ts';

/** Keys that can stand for each other. */
export class KeyPool {
  readonly keys: readonly UpstreamKey[];
  readonly #random: Random;

  constructor(keys: readonly UpstreamKey[], random: Random) {
    this.keys = keys;
    this.#random = random;
  }

  /**
   * A key that can take a call for this model; undefined when none can.
   *
   * @param affinity Who calls: the same caller gets the same key as long as it is usable, because the provider's prompt
   *   cache is warm there, and callers spread over the keys. Without it, the better one of two picked at random.
   * @param not The key that has just failed.
   */
  pick(model: string, affinity: string | undefined, now: number, not?: UpstreamKey): UpstreamKey | undefined {
    const { keys } = this;
    const [only] = keys;
    if (keys.length === 1) return only !== not && only?.usable(model, now) === true ? only : undefined;
    return affinity === undefined ? this.#better(model, now, not) : this.#own(model, affinity, now, not);
  }

  /** Rendezvous hashing (Thaler and Ravishankar, 1998): a key that rests moves only its own callers. */
  #own(model: string, affinity: string, now: number, not: UpstreamKey | undefined): UpstreamKey | undefined {
    let found: UpstreamKey | undefined;
    let highest = -1;
    for (const key of this.keys) {
      if (key === not || !key.usable(model, now)) continue;
      const score = hash(key.id, hash(affinity, 0));
      if (score > highest) {
        highest = score;
        found = key;
      }
    }
    return found;
  }

  /** Two choices (Mitzenmacher, 2001), by calls under way, then by how long ago the key had to rest. */
  #better(model: string, now: number, not: UpstreamKey | undefined): UpstreamKey | undefined {
    const usable = this.keys.filter((key) => key !== not && key.usable(model, now));
    if (usable.length < 2) return usable[0];
    const first = Math.floor(this.#random.next() * usable.length);
    const other = (first + 1 + Math.floor(this.#random.next() * (usable.length - 1))) % usable.length;
    const [a, b] = [usable[first], usable[other]] as [UpstreamKey, UpstreamKey];
    const load = (a.version()?.inFlight ?? 0) - (b.version()?.inFlight ?? 0);
    return load < 0 || (load === 0 && a.cooledAt <= b.cooledAt) ? a : b;
  }
}

/** FNV-1a, 32 bits, with murmur's last mix: the scores of similar names must have nothing to do with each other. */
function hash(text: string, seed: number): number {
  let value = 0x811c9dc5 ^ seed;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
