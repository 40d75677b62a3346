import { type Clock, definePlugin, PipelineError, PRINCIPAL } from '@sluice/core';
import { anthropicMessage, fakeClock, type TestPipeline, testPipeline } from '@sluice/core/testing';
import { describe, expect, test } from 'vitest';
import { UNCOUNTED } from './expect-tokens.ts';
import { Hold } from './hold.ts';
import { type Claim, limitMonitor, rateLimit, type RateLimitOptions } from './index.ts';
import { WaitingRoom } from './waiting.ts';

const answer = (): Response =>
  new Response(anthropicMessage(), { headers: { 'content-type': 'application/json' } });

const identify = definePlugin({
  name: 'identify',
  create: () => ({
    handle: (request, next, ctx) => {
      const { 'x-tenant': tenant = 'a' } = request.headers;
      ctx.state.set(PRINCIPAL, { id: tenant, tenant });
      return next(request);
    },
  }),
});

const RULE = { name: 'rps', of: 'requests', limit: 5, windowMs: 1_000, by: 'global' } as const;

function waiting(options: Partial<RateLimitOptions> = {}): TestPipeline {
  return testPipeline({
    answers: Array.from({ length: 300 }, () => answer),
    plugins: [identify(), rateLimit({ rules: [RULE], mode: 'wait', ...options })],
  });
}

/** Calls in order, and when each was answered with what. */
function callers(pipe: TestPipeline): {
  call(tenant?: string, signal?: AbortSignal): void;
  readonly done: { tenant: string; at: number; status: number }[];
} {
  const done: { tenant: string; at: number; status: number }[] = [];
  return {
    done,
    call(tenant = 'a', signal?: AbortSignal) {
      pipe.post({}, { headers: { 'x-tenant': tenant }, ...(signal && { signal }) }).then(
        async (response) => {
          await response.text();
          done.push({ tenant, at: Math.round(pipe.clock.now()), status: response.status });
        },
        () => undefined,
      );
    },
  };
}

describe('a call that waits', () => {
  test('passes when its turn comes', async () => {
    await using pipe = waiting();
    const { call, done } = callers(pipe);
    for (let n = 0; n < 8; n++) call();
    await pipe.clock.advance(1_000);
    expect(done.map(({ at }) => at)).toEqual([0, 0, 0, 0, 0, 200, 400, 600]);
    expect(new Set(done.map(({ status }) => status))).toEqual(new Set([200]));
    expect(pipe.clock.pendingTimers).toBe(0);
  });

  test('is refused when the wait would be too long, or there are too many', async () => {
    const monitor = limitMonitor();
    await using pipe = waiting({ maxWaiting: 2, maxWaitMs: 300, onEvent: monitor.onEvent });
    const { call, done } = callers(pipe);
    for (let n = 0; n < 10; n++) call();
    await pipe.clock.advance(0);
    expect(done.filter(({ status }) => status === 429)).toHaveLength(3);
    await pipe.clock.advance(1_000);
    // Of the two that waited one had its turn in time.
    expect(done.map(({ status }) => status).filter((status) => status === 200)).toHaveLength(6);
    expect(monitor.report()).toMatchObject({ refused: { rps: 4 } });
    expect(pipe.clock.pendingTimers).toBe(0);
  });

  test('that its caller leaves is gone at once, and takes nothing', async () => {
    await using pipe = waiting();
    const { call, done } = callers(pipe);
    for (let n = 0; n < 5; n++) call();
    const caller = new AbortController();
    call('a', caller.signal);
    call();
    await pipe.clock.advance(0);
    caller.abort();
    await pipe.clock.advance(0);
    await pipe.clock.advance(200);
    expect(done.map(({ at }) => at)).toEqual([0, 0, 0, 0, 0, 200]);
    expect(pipe.transport.requests).toHaveLength(6);
    expect(pipe.clock.pendingTimers).toBe(0);
  });

  test('is served fairly: who asks for more does not push others back', async () => {
    await using pipe = waiting();
    const { call, done } = callers(pipe);
    for (let n = 0; n < 5; n++) call('busy');
    for (let n = 0; n < 20; n++) call('busy');
    for (let n = 0; n < 4; n++) call('quiet');
    await pipe.clock.advance(2_000);
    const quiet = done.filter(({ tenant }) => tenant === 'quiet').map(({ at }) => at);
    expect(quiet).toHaveLength(4);
    expect(quiet.at(-1)).toBeLessThanOrEqual(1_600);
  });

  test('does not hold up who waits for nothing', async () => {
    await using pipe = waiting({ rules: [{ ...RULE, limit: 1, by: 'tenant' }] });
    const { call, done } = callers(pipe);
    for (let n = 0; n < 3; n++) call('a');
    call('b');
    await pipe.clock.advance(0);
    expect(done.map(({ tenant }) => tenant)).toEqual(['a', 'b']);
    await pipe.clock.advance(2_000);
    expect(done).toHaveLength(4);
  });

  test('for a place gets it when a call ends', async () => {
    const open: (() => void)[] = [];
    const rules = [{ name: 'parallel', of: 'concurrent-calls', limit: 1 } as const];
    await using pipe = testPipeline({
      answers: Array.from(
        { length: 3 },
        () => () => new Promise<Response>((resolve) => open.push(() => resolve(answer()))),
      ),
      plugins: [identify(), rateLimit({ rules, mode: 'wait' })],
    });
    const { call, done } = callers(pipe);
    for (let n = 0; n < 3; n++) call();
    for (let n = 1; n <= 3; n++) {
      await pipe.clock.advance(0);
      expect(pipe.transport.requests).toHaveLength(n);
      open.at(-1)?.();
      await pipe.clock.advance(0);
      expect(done).toHaveLength(n);
    }
  });

  test('does not wait for a rule that is not enforced', async () => {
    const trial = { name: 'trial', of: 'requests', limit: 5, calendar: 'month', shadow: true } as const;
    await using pipe = waiting({ rules: [RULE, trial] });
    const { call, done } = callers(pipe);
    for (let n = 0; n < 7; n++) call();
    await pipe.clock.advance(1_000);
    expect(done.map(({ at, status }) => [at, status]).slice(5)).toEqual([
      [200, 200],
      [400, 200],
    ]);
  });

  test('never waits for a quota', async () => {
    await using pipe = waiting({ rules: [{ name: 'daily', of: 'requests', limit: 1, calendar: 'day' }] });
    const { call, done } = callers(pipe);
    call();
    call();
    await pipe.clock.advance(0);
    expect(new Set(done.map(({ status }) => status))).toEqual(new Set([200, 429]));
  });
});

test('a turn that comes while the room looks who is next is not missed', async () => {
  const time = fakeClock();
  let looks = 0;
  // Real time goes on from one look to the next, and Node fires up to a millisecond before the time.
  const clock: Clock = {
    ...time,
    now: () => time.now() + 0.125 * looks++,
    setTimeout: (callback, delayMs) => time.setTimeout(callback, delayMs - 1),
  };
  const room = new WaitingRoom({
    clock,
    maxWaiting: 10,
    reserve: () => ({ admitted: true, states: [], wallTime: 0 }),
    giveBack: () => undefined,
  });
  const claim: Claim = { kind: 'slot', key: 'k', enforced: true, cost: 1, limit: 1, leaseMs: 1_000 };
  const hold = new Hold([], UNCOUNTED, { id: 'c', group: 'g', claims: [claim], leaseMs: 1_000 });
  for (let retryAfterMs = 10; retryAfterMs < 11; retryAfterMs += 0.0625) {
    const state = { ok: false, remaining: 0, retryAfterMs, resetMs: retryAfterMs };
    let granted = false;
    void room
      .enter('a', hold, {
        refused: { admitted: false, states: [state], wallTime: 0 },
        maxWaitMs: 1_000,
        signal: new AbortController().signal,
        giveUp: () => new PipelineError('rate_limited'),
      })
      .then(() => (granted = true));
    await time.advance(20);
    expect({ retryAfterMs, granted }).toEqual({ retryAfterMs, granted: true });
  }
  expect(time.pendingTimers).toBe(0);
});

describe('a pace', () => {
  test('spaces calls evenly: five a second are one each 200 ms', async () => {
    await using pipe = waiting({ mode: 'pace' });
    const { call, done } = callers(pipe);
    for (let n = 0; n < 6; n++) call();
    await pipe.clock.advance(2_000);
    expect(done.map(({ at }) => at)).toEqual([0, 200, 400, 600, 800, 1_000]);
    await pipe.clock.advance(10_000);
    call();
    call();
    await pipe.clock.advance(200);
    expect(done.map(({ at }) => at).slice(6)).toEqual([12_000, 12_200]);
  });
});
