import type { Clock, TimerHandle } from './clock.ts';

/** Something with a time by which it has to be over. */
export interface Timed {
  /** On the clock's `now()`. */
  readonly deadline: number;
  /** Called once the time is up, unless it is over by then. */
  expire(): void;
}

/**
 * Watches the deadlines of all calls in progress on one timer. Almost all calls end long before their deadline: a timer
 * of its own for each was the dearest part of a call's start and end. The timer holds the process: a program that does
 * nothing but wait for a call (for its retry, or its turn at a limit) would end with the call lost.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #watched: readonly Timed[];
  #timer: TimerHandle | undefined;
  /** When the timer fires: no later than the earliest deadline. */
  #dueAt = Infinity;

  /** @param watched What is in progress; whoever owns the list tells of additions by {@link Deadlines.added}. */
  constructor(clock: Clock, watched: readonly Timed[]) {
    this.#clock = clock;
    this.#watched = watched;
  }

  /** One more is in progress. */
  added({ deadline }: Timed): void {
    if (this.#timer === undefined || deadline < this.#dueAt) this.#arm(deadline);
  }

  /** One fewer is. The timer goes with the last one. */
  removed(): void {
    if (this.#watched.length === 0) this.#disarm();
  }

  #arm(dueAt: number): void {
    this.#disarm();
    this.#dueAt = dueAt;
    this.#timer = this.#clock.setTimeout(this.#onTimer, dueAt - this.#clock.now(), true);
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    const now = this.#clock.now();
    // A list of their own: what expires takes itself off the other.
    for (const late of this.#watched.filter(({ deadline }) => deadline <= now)) late.expire();
    if (this.#watched.length === 0) return;
    this.#arm(this.#watched.reduce((earliest, { deadline }) => Math.min(earliest, deadline), Infinity));
  };
}
