import type { Clock } from '@sluice/core';
import { isoTime } from '../record/stamp.ts';

/** What is missing in the log, counted until it can be told. */
export class Gap {
  readonly #clock: Clock;
  #dropped = 0;
  #refused = 0;
  #since = '';

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A record that will not be written. */
  drop(): void {
    this.#begin();
    this.#dropped++;
  }

  /** A call that was refused without a record of it. */
  refuse(): void {
    this.#begin();
    this.#refused++;
  }

  /** What is missing, for the record of it; undefined when nothing is. Begins anew. */
  take(): { readonly since: string; readonly dropped: number; readonly refused: number } | undefined {
    if (this.#dropped + this.#refused === 0) return undefined;
    const facts = { since: this.#since, dropped: this.#dropped, refused: this.#refused };
    this.#dropped = 0;
    this.#refused = 0;
    return facts;
  }

  #begin(): void {
    if (this.#dropped + this.#refused === 0) this.#since = isoTime(this.#clock.wallTime());
  }
}
