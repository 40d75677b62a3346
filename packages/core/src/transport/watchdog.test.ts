import { describe, expect, it } from 'vitest';
import type { Clock } from '../clock.ts';
import type { PipelineError } from '../errors.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import { DEFAULT_TIMEOUTS } from './timeouts.ts';
import { Watchdog } from './watchdog.ts';

function watch(streamed: boolean, { firstEventMs = 60, idleMs = 100 } = {}) {
  const clock = fakeClock();
  const fired: string[] = [];
  const fire = (error: PipelineError): void => {
    fired.push(`${error.code} at ${clock.now()}`);
  };
  const watchdog = new Watchdog(clock, { ...DEFAULT_TIMEOUTS, firstEventMs, idleMs }, streamed, fire);
  /** Bytes arrive at a reader that waits, and it waits again at once. */
  const arrive = (what: 'bytes' | 'ping' | 'content'): void => {
    watchdog.bytes();
    watchdog.waiting(false);
    if (what !== 'bytes') watchdog.events(what === 'content');
    watchdog.waiting(true);
  };
  return { clock, fired, watchdog, arrive };
}

describe('the first-event clock', () => {
  it('runs from the start of a streamed attempt, headers or not', async () => {
    for (const headersAt of [undefined, 10, 50]) {
      const { clock, fired, watchdog } = watch(true);
      if (headersAt !== undefined) {
        await clock.advance(headersAt);
        watchdog.answered(true);
        watchdog.waiting(true);
      }
      await clock.advance(59 - (headersAt ?? 0));
      expect(fired).toEqual([]);
      await clock.advance(1);
      expect(fired).toEqual(['first_event_timeout at 60']);
    }
  });

  it('is not stopped by pings, preamble, comments or bytes', async () => {
    const { clock, fired, watchdog, arrive } = watch(true);
    watchdog.answered(true);
    watchdog.waiting(true);
    for (let i = 0; i < 5; i++) {
      await clock.advance(10);
      arrive(i % 2 === 0 ? 'ping' : 'bytes');
    }
    await clock.advance(10);
    expect(fired).toEqual(['first_event_timeout at 60']);
  });

  it('is stopped by content, and the idle clock takes over, be it the longer or the shorter one', async () => {
    for (const idleMs of [20, 100]) {
      const { clock, fired, watchdog, arrive } = watch(true, { idleMs });
      watchdog.answered(true);
      watchdog.waiting(true);
      await clock.advance(59);
      arrive('content');
      await clock.advance(idleMs - 1);
      expect(fired).toEqual([]);
      await clock.advance(1);
      expect(fired).toEqual([`idle_timeout at ${59 + idleMs}`]);
    }
  });

  it('does not run for calls that are not streamed, nor for an answer that is no stream', async () => {
    const unstreamed = watch(false);
    await unstreamed.clock.advance(1_000_000);
    expect(unstreamed.fired).toEqual([]);
    expect(unstreamed.clock.pendingTimers).toBe(0);
    const json = watch(true);
    await json.clock.advance(59);
    json.watchdog.answered(false);
    await json.clock.advance(1_000_000);
    expect(json.fired).toEqual([]);
    expect(json.clock.pendingTimers).toBe(0);
  });
});

describe('the idle clock', () => {
  const begun = (streamed = true) => {
    const all = watch(streamed);
    all.watchdog.answered(true);
    all.watchdog.waiting(true);
    all.arrive('content');
    return all;
  };

  it('starts again with every event, a ping included', async () => {
    for (const streamed of [true, false]) {
      const { clock, fired, arrive } = begun(streamed);
      for (let i = 0; i < 20; i++) {
        await clock.advance(90);
        arrive(i % 2 === 0 ? 'ping' : 'content');
      }
      expect(fired).toEqual([]);
      await clock.advance(100);
      expect(fired).toEqual(['idle_timeout at 1900']);
    }
  });

  it('is not held off by bytes that make no event, however they drip', async () => {
    const { clock, fired, arrive } = begun();
    for (let i = 0; i < 11; i++) {
      await clock.advance(9);
      arrive('bytes');
    }
    await clock.advance(1);
    expect(fired).toEqual(['idle_timeout at 100']);
  });

  it('counts pieces of an answer that is no stream', async () => {
    const { clock, fired, watchdog, arrive } = watch(false);
    watchdog.answered(false);
    watchdog.waiting(true);
    for (let i = 0; i < 10; i++) {
      await clock.advance(90);
      arrive('bytes');
    }
    expect(fired).toEqual([]);
    await clock.advance(100);
    expect(fired).toEqual(['idle_timeout at 1000']);
  });

  it('does not run while the reader is slow, and goes on where it was', async () => {
    const { clock, fired, watchdog } = begun();
    await clock.advance(70);
    watchdog.waiting(false);
    await clock.advance(1_000_000);
    expect(fired).toEqual([]);
    watchdog.waiting(true);
    await clock.advance(29);
    expect(fired).toEqual([]);
    await clock.advance(1);
    expect(fired).toEqual(['idle_timeout at 1000100']);
  });

  it('keeps no timer while nobody waits, and none after stop()', async () => {
    const { clock, watchdog } = begun();
    watchdog.waiting(false);
    await clock.advance(1_000);
    expect(clock.pendingTimers).toBe(0);
    watchdog.waiting(true);
    expect(clock.pendingTimers).toBe(1);
    watchdog.stop();
    expect(clock.pendingTimers).toBe(0);
  });

  it('sets one timer for many events', async () => {
    const clock = fakeClock();
    let timers = 0;
    const counting: Clock = {
      ...clock,
      setTimeout: (callback, ms) => {
        timers++;
        return clock.setTimeout(callback, ms);
      },
    };
    const watchdog = new Watchdog(counting, DEFAULT_TIMEOUTS, true, () => expect.unreachable());
    watchdog.answered(true);
    for (let i = 0; i < 10_000; i++) {
      watchdog.waiting(true);
      watchdog.waiting(false);
      watchdog.events(true);
    }
    expect(timers).toBe(1);
    watchdog.stop();
  });
});

it('a timer that fires late gives the event loop the time it was short of', () => {
  let now = 0;
  const timers: { at: number; callback: () => void }[] = [];
  const stalling: Clock = {
    now: () => now,
    wallTime: () => now,
    setTimeout: (callback, ms) => timers.push({ at: now + ms, callback }),
    clearTimeout: () => undefined,
  };
  const fired: string[] = [];
  const timeouts = { ...DEFAULT_TIMEOUTS, firstEventMs: 10_000, idleMs: 60_000 };
  const watchdog = new Watchdog(stalling, timeouts, true, (error) => fired.push(error.code));
  const late = (lateMs: number): void => {
    const timer = timers.shift();
    now = (timer?.at ?? 0) + lateMs;
    timer?.callback();
  };
  late(4_000);
  expect(fired).toEqual([]);
  expect(timers[0]?.at).toBe(now + 4_000);
  late(0);
  expect(fired).toEqual(['first_event_timeout']);
  watchdog.stop();
});

it('a stall of hours is not given hours', () => {
  let now = 0;
  const delays: number[] = [];
  let fire: () => void = () => undefined;
  const asleep: Clock = {
    now: () => now,
    wallTime: () => now,
    setTimeout: (callback, ms) => {
      fire = callback;
      return delays.push(ms);
    },
    clearTimeout: () => undefined,
  };
  const timeouts = { ...DEFAULT_TIMEOUTS, firstEventMs: 1_000, idleMs: 2_000 };
  const watchdog = new Watchdog(asleep, timeouts, true, () => undefined);
  now = 8 * 3_600_000;
  fire();
  expect(delays).toEqual([1_000, 2_000]);
  watchdog.stop();
});
