import { describe, expect, it } from 'vitest';
import { fakeClock } from './testing/index.ts';
import { TooLate, within } from './within.ts';

describe('within', () => {
  const never = new Promise<never>(() => undefined);

  it('gives what the promise gives', async () => {
    const clock = fakeClock();
    const { signal } = new AbortController();
    await expect(within(Promise.resolve(7), clock, 10, signal)).resolves.toBe(7);
    await expect(within(Promise.reject(new Error('no')), clock, 10, signal)).rejects.toThrow('no');
    expect(clock.pendingTimers).toBe(0);
  });

  it('waits as long as it may', async () => {
    const clock = fakeClock();
    const pending = within(never, clock, 10);
    pending.catch(() => undefined);
    await clock.advance(9);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(2);
    await expect(pending).rejects.toBeInstanceOf(TooLate);
    expect(clock.pendingTimers).toBe(0);
  });

  it('takes an answer that was there in time, though the process was too busy to read it', async () => {
    const clock = fakeClock();
    const { promise, resolve } = Promise.withResolvers<number>();
    const answer = within(promise, clock, 50);
    const passing = clock.advance(50);
    resolve(7);
    await passing;
    expect(await answer).toBe(7);
  });

  it('ends with the signal, with its reason', async () => {
    const clock = fakeClock();
    const leaving = new AbortController();
    const pending = within(never, clock, 10, leaving.signal);
    leaving.abort(new Error('bye'));
    await expect(pending).rejects.toThrow('bye');
    await expect(within(never, clock, 10, leaving.signal)).rejects.toThrow('bye');
    expect(clock.pendingTimers).toBe(0);
  });
});
