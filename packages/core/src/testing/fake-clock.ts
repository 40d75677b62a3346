import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock, TimerHandle } from '../clock.ts';

/** A clock that stands still until the test moves it. */
export interface FakeClock extends Clock {
  /**
   * Moves time on by `ms` milliseconds. Timers that fall due fire in order, each at its own time, and promises settle
   * before, between and after them, so that a timer set by what an earlier timer woke is also seen.
   * Rejects with what a timer's callback throws; time then stands at that timer.
   */
  advance(ms: number): Promise<void>;
  /** How many timers are set and have neither fired nor been withdrawn. A test ends with 0 or has found a leak. */
  readonly pendingTimers: number;
}

interface Timer {
  readonly dueAt: number;
  readonly callback: () => void;
}

/**
 * Makes a {@link FakeClock}. `now()` starts at 0.
 *
 * @param startWallTime Milliseconds since the Unix epoch at which `wallTime()` starts. Default: 2026-01-01T00:00:00Z.
 */
export function fakeClock(startWallTime: number = Date.UTC(2026, 0, 1)): FakeClock {
  const timers = new Set<Timer>();
  let now = 0;

  const nextDue = (until: number): Timer | undefined => {
    let first: Timer | undefined;
    // A Set keeps the order of insertion, so of two timers due at once the one set first fires first.
    for (const timer of timers) {
      if (timer.dueAt <= until && (!first || timer.dueAt < first.dueAt)) first = timer;
    }
    return first;
  };

  return {
    now: () => now,
    wallTime: () => startWallTime + now,
    setTimeout(callback, delayMs): TimerHandle {
      // Like Node, take what is no number for "at once"; Infinity is a timer that never fires.
      const timer: Timer = { dueAt: now + (delayMs > 0 ? delayMs : 0), callback };
      timers.add(timer);
      return timer;
    },
    clearTimeout(handle) {
      timers.delete(handle as Timer);
    },
    async advance(ms) {
      const until = now + ms;
      await settle();
      for (let timer = nextDue(until); timer; timer = nextDue(until)) {
        timers.delete(timer);
        now = Math.max(now, timer.dueAt);
        timer.callback();
        await settle();
      }
      now = Math.max(now, until);
    },
    get pendingTimers() {
      return timers.size;
    },
  };
}

/** Lets promise chains run on: some turns of the microtask queue, then one of the event loop, which drains it wholly. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await Promise.resolve();
  await nextTurn();
}
