/** How many of the last times of a kind of call are looked at. */
const WINDOW = 128;
/** How often the percentile is found anew: every so many times. */
const REFRESH = 8;
/** Kinds of call that are kept. Only models that answer become one, and there are not so many. */
const MAX_KINDS = 256;

/** How long the first content takes, by kind of call: a moving 95th percentile over the last {@link WINDOW} of each. */
export class ContentTimes {
  readonly #minSamples: number;
  readonly #kinds = new Map<string, Series>();

  constructor(minSamples: number) {
    this.#minSamples = minSamples;
  }

  /** Takes note of one time. */
  add(kind: string, ms: number): void {
    let series = this.#kinds.get(kind);
    if (series === undefined) {
      if (this.#kinds.size >= MAX_KINDS) this.#dropOldest();
      series = new Series();
      this.#kinds.set(kind, series);
    }
    series.add(ms);
  }

  /** The time within which 95 of 100 had content; undefined while too few are known. */
  p95(kind: string): number | undefined {
    const series = this.#kinds.get(kind);
    return series === undefined || series.size < this.#minSamples ? undefined : series.p95();
  }

  #dropOldest(): void {
    for (const kind of this.#kinds.keys()) {
      this.#kinds.delete(kind);
      return;
    }
  }
}

/** The last times of one kind. */
class Series {
  readonly #ring = new Float64Array(WINDOW);
  #added = 0;
  #p95 = 0;
  #foundAt = 0;

  get size(): number {
    return Math.min(this.#added, WINDOW);
  }

  add(ms: number): void {
    this.#ring[this.#added % WINDOW] = ms;
    this.#added++;
  }

  p95(): number {
    // Sorting takes some microseconds: not for each call.
    if (this.#foundAt === 0 || this.#added - this.#foundAt >= REFRESH) {
      this.#foundAt = this.#added;
      const sorted = this.#ring.slice(0, this.size).sort();
      this.#p95 = sorted[Math.ceil(sorted.length * 0.95) - 1] as number;
    }
    return this.#p95;
  }
}
