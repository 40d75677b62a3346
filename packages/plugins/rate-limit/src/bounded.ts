/** How many entries are looked at to find one that can go. */
const LOOKED_AT = 32;

/** A map that forgets what has expired, and when it is full what would expire soonest. */
export class Bounded<T extends { readonly expiresAt: number }> {
  readonly #entries = new Map<string, T>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  /** The entry, also one that has expired and was not forgotten yet. */
  get(key: string): T | undefined {
    return this.#entries.get(key);
  }

  set(key: string, entry: T, now: number): void {
    if (this.#entries.size >= this.#max && !this.#entries.has(key)) this.#makeRoom(now);
    this.#entries.set(key, entry);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  /** Of the oldest entries, those that have expired, or else the one that will first. */
  #makeRoom(now: number): void {
    let soonest: string | undefined;
    let soonestAt = Infinity;
    let seen = 0;
    for (const [key, { expiresAt }] of this.#entries) {
      if (expiresAt <= now) {
        this.#entries.delete(key);
        soonestAt = -Infinity;
      } else if (expiresAt < soonestAt) {
        soonestAt = expiresAt;
        soonest = key;
      }
      if (++seen === LOOKED_AT) break;
    }
    if (soonest !== undefined && soonestAt !== -Infinity) this.#entries.delete(soonest);
  }
}
