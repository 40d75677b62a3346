import type { Clock } from '@sluice/core';

/** Real time, whose timers are counted. */
export interface CountedClock extends Clock {
  /** Timers that have neither fired nor been withdrawn. */
  readonly pendingTimers: number;
}

/** Makes a {@link CountedClock}: after a call there shall be none left. */
export function countedClock(): CountedClock {
  const pending = new Set<unknown>();
  return {
    get pendingTimers() {
      return pending.size;
    },
    now: () => performance.now(),
    wallTime: () => Date.now(),
    setTimeout(callback, delayMs) {
      const timer = setTimeout(
        () => {
          pending.delete(timer);
          callback();
        },
        Math.min(delayMs, 2 ** 31 - 1),
      ).unref();
      pending.add(timer);
      return timer;
    },
    clearTimeout(timer) {
      pending.delete(timer);
      clearTimeout(timer as NodeJS.Timeout);
    },
  };
}
