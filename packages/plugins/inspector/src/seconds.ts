/** How far back the chart goes, in seconds. */
const SECONDS = 300;

/** Counts of each of the last 300 seconds, by column. Its memory never grows. */
export class Seconds {
  readonly #columns: number;
  readonly #counts: Float64Array;
  /** The last second that was written to; those after it are zero. */
  #second = 0;

  constructor(columns: number) {
    this.#columns = columns;
    this.#counts = new Float64Array(SECONDS * columns);
  }

  /** Adds to a column of the present second. `now` is monotonic, in milliseconds. */
  add(column: number, now: number, amount = 1): void {
    this.#moveTo(Math.floor(now / 1_000));
    const at = (this.#second % SECONDS) * this.#columns + column;
    this.#counts[at] = (this.#counts[at] as number) + amount;
  }

  /** The last seconds, the oldest first, the present one last. */
  last(seconds: number, now: number): number[][] {
    this.#moveTo(Math.floor(now / 1_000));
    const many = Math.min(seconds, SECONDS);
    return Array.from({ length: many }, (_, i) => {
      const slot = (this.#second - many + 1 + i + SECONDS) % SECONDS;
      return Array.from(this.#counts.subarray(slot * this.#columns, (slot + 1) * this.#columns));
    });
  }

  #moveTo(second: number): void {
    if (second <= this.#second) return;
    const from = Math.max(this.#second + 1, second - SECONDS + 1);
    for (let each = from; each <= second; each++) {
      const slot = each % SECONDS;
      this.#counts.fill(0, slot * this.#columns, (slot + 1) * this.#columns);
    }
    this.#second = second;
  }
}
