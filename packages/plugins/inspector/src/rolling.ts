/** Whole minutes that are kept, the present one included. */
const MINUTES = 5;
const MINUTE_MS = 60_000;

/** Sums of the last five minutes, in as many columns as it was made with. Its memory never grows. */
export class RollingRow {
  readonly columns: number;
  readonly #sums: Float64Array;
  /** Which minute each part of the sums is of. */
  readonly #minutes: Float64Array = new Float64Array(MINUTES).fill(-MINUTES);

  constructor(columns: number) {
    this.columns = columns;
    this.#sums = new Float64Array(columns * MINUTES);
  }

  /** Adds to a column. `now` is monotonic, in milliseconds. */
  add(column: number, now: number, amount = 1): void {
    const minute = Math.floor(now / MINUTE_MS);
    const part = minute % MINUTES;
    if (this.#minutes[part] !== minute) {
      this.#minutes[part] = minute;
      this.#sums.fill(0, part * this.columns, (part + 1) * this.columns);
    }
    const at = part * this.columns + column;
    this.#sums[at] = (this.#sums[at] as number) + amount;
  }

  /** The sums, by column. */
  totals(now: number): number[] {
    const totals = Array.from({ length: this.columns }, () => 0);
    const minute = Math.floor(now / MINUTE_MS);
    for (let part = 0; part < MINUTES; part++) {
      if (minute - (this.#minutes[part] as number) >= MINUTES) continue;
      for (let column = 0; column < this.columns; column++) {
        totals[column] = (totals[column] as number) + (this.#sums[part * this.columns + column] as number);
      }
    }
    return totals;
  }
}

/** A {@link RollingRow} for each name. Beyond its size, the name goes that was not used for longest. */
export class RollingTable {
  readonly #columns: number;
  readonly #maxRows: number;
  readonly #rows = new Map<string, RollingRow>();
  #lastName: string | undefined;
  #lastRow: RollingRow | undefined;

  constructor(columns: number, maxRows: number) {
    this.#columns = columns;
    this.#maxRows = maxRows;
  }

  /** The row of a name, which is now the one used last. */
  row(name: string): RollingRow {
    if (name === this.#lastName && this.#lastRow !== undefined) return this.#lastRow;
    let row = this.#rows.get(name);
    if (row === undefined) {
      row = new RollingRow(this.#columns);
      if (this.#rows.size >= this.#maxRows) {
        const [oldest] = this.#rows.keys();
        if (oldest !== undefined) this.#rows.delete(oldest);
      }
    } else {
      this.#rows.delete(name);
    }
    this.#rows.set(name, row);
    this.#lastName = name;
    this.#lastRow = row;
    return row;
  }

  /** The sums of all names that have any. */
  totals(now: number): [name: string, totals: number[]][] {
    return Array.from(this.#rows, ([name, row]): [string, number[]] => [name, row.totals(now)]).filter(
      ([, totals]) => totals.some((sum) => sum > 0),
    );
  }
}
