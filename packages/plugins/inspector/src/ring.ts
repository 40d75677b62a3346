/** The last so many entries, each with a number that rises by one. */
export class Ring<T> {
  readonly #size: number;
  readonly #entries: T[] = [];
  #count = 0;

  constructor(size: number) {
    this.#size = size;
  }

  /** How many were ever added. */
  get count(): number {
    return this.#count;
  }

  /** Adds one, and lets go of the one that it displaces. */
  push(entry: T): void {
    this.#entries[this.#count++ % this.#size] = entry;
  }

  /** Those after the first `count` that were added, as far as they are still here, the oldest first. */
  since(count: number): T[] {
    const from = Math.max(count, this.#count - this.#entries.length);
    return Array.from(
      { length: Math.max(0, this.#count - from) },
      (_, i) => this.#entries[(from + i) % this.#size] as T,
    );
  }
}
