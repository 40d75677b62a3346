import { token, type Token } from './token.ts';

/** A pending timer of a {@link Clock}; opaque, to be handed back to `clearTimeout`. */
export type TimerHandle = unknown;

/** Where every duration, timestamp and timer of Sluice comes from. Replace `CLOCK` and no test needs to sleep. */
export interface Clock {
  /** Monotonic milliseconds (with a fraction) since an arbitrary start. For durations; never goes back. */
  now(): number;
  /** Wall-clock milliseconds since the Unix epoch. For timestamps; may jump when the system's clock is set. */
  wallTime(): number;
  /**
   * Runs `callback` once, `delayMs` milliseconds from now (24 days at most).
   *
   * @param holdsProcess Whether the process must not end before. Default false: a timer for upkeep ends with the rest.
   *   Waits within a call need none, as the pipeline holds the process while a call is in progress.
   */
  setTimeout(callback: () => void, delayMs: number, holdsProcess?: boolean): TimerHandle;
  /** Withdraws a timer. Harmless when it has fired already. */
  clearTimeout(handle: TimerHandle): void;
}

/** What Node can wait at most, 24 days; it takes anything longer for 1 ms. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/* oxlint-disable no-restricted-globals, no-restricted-properties -- the one place where real time enters. */
const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  setTimeout: (callback, delayMs, holdsProcess) => {
    const timer = setTimeout(callback, Math.min(delayMs, MAX_DELAY_MS));
    return holdsProcess === true ? timer : timer.unref();
  },
  clearTimeout: (handle) => {
    clearTimeout(handle as NodeJS.Timeout);
  },
};
/* oxlint-enable no-restricted-globals, no-restricted-properties */

/** The clock service. Embedded default: the system's monotonic and wall clocks. */
export const CLOCK: Token<Clock> = token('clock', { create: () => systemClock });
