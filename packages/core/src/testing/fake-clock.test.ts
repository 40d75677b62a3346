import { describe, expect, it } from 'vitest';
import { fakeClock } from './fake-clock.ts';

describe('fakeClock', () => {
  it('moves both clocks by what it is told and by nothing else', async () => {
    const clock = fakeClock(1_000_000);
    expect([clock.now(), clock.wallTime()]).toEqual([0, 1_000_000]);
    await clock.advance(250.5);
    expect([clock.now(), clock.wallTime()]).toEqual([250.5, 1_000_250.5]);
  });

  it('fires timers in order of their time, then of their setting, each at its own time', async () => {
    const clock = fakeClock();
    const fired: string[] = [];
    const note =
      (name: string): (() => void) =>
      () =>
        fired.push(`${name}@${clock.now()}`);
    clock.setTimeout(note('late'), 30);
    clock.setTimeout(note('first'), 10);
    clock.setTimeout(note('second'), 10);
    clock.setTimeout(note('too late'), 31);
    await clock.advance(30);
    expect(fired).toEqual(['first@10', 'second@10', 'late@30']);
    expect(clock.pendingTimers).toBe(1);
  });

  it('fires a timer that is set by what an earlier timer woke', async () => {
    const clock = fakeClock();
    const sleep = (ms: number): Promise<void> =>
      new Promise((done) => {
        clock.setTimeout(done, ms);
      });
    const wakings: number[] = [];
    const sleeper = (async () => {
      for (let nap = 0; nap < 5; nap++) {
        await sleep(10);
        await Promise.resolve();
        wakings.push(clock.now());
      }
    })();
    await clock.advance(100);
    await sleeper;
    expect(wakings).toEqual([10, 20, 30, 40, 50]);
    expect(clock.now()).toBe(100);
  });

  it('withdraws timers, harmlessly so when they have fired', async () => {
    const clock = fakeClock();
    let fired = 0;
    const timer = clock.setTimeout(() => fired++, 5);
    const withdrawn = clock.setTimeout(() => fired++, 5);
    clock.clearTimeout(withdrawn);
    await clock.advance(5);
    clock.clearTimeout(timer);
    expect([fired, clock.pendingTimers]).toEqual([1, 0]);
  });

  it('takes a delay that is no number for none', async () => {
    const clock = fakeClock();
    let fired = 0;
    for (const delayMs of [0, -5, Number.NaN]) clock.setTimeout(() => fired++, delayMs);
    clock.setTimeout(() => fired++, Infinity);
    await clock.advance(0);
    expect([fired, clock.pendingTimers]).toEqual([3, 1]);
  });

  it('hands on what a callback throws, at its time', async () => {
    const clock = fakeClock();
    clock.setTimeout(() => {
      throw new Error('boom');
    }, 7);
    await expect(clock.advance(10)).rejects.toThrow('boom');
    expect(clock.now()).toBe(7);
  });
});
