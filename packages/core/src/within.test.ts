import { describe, expect, it } from 'vitest';
import { fakeClock } from './testing/index.ts';
import { within } from './within.ts';

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
    await clock.advance(1);
    await expect(pending).rejects.toThrow('no answer within 10 ms');
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
