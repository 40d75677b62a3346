import { describe, expect, test } from 'vitest';
import { TestBench } from './test-bench.ts';

describe('a closed circuit', () => {
  test('opens at the rate, not below, and never below the least number of calls', () => {
    const bench = new TestBench({ consecutiveFailures: false });
    bench.make(9, 'failure');
    expect(bench.state).toBe('closed');
    const half = new TestBench({ consecutiveFailures: false });
    half.make(10, 'success');
    half.make(9, 'failure');
    expect(half.state).toBe('closed');
    half.make(1, 'failure');
    expect(half.state).toBe('open');
  });

  test('opens after failures in a row, however long they took; a success ends the row, silence does not', async () => {
    const bench = new TestBench();
    bench.make(4, 'failure');
    bench.make(1, 'success');
    await bench.clock.advance(3_600_000);
    for (let i = 0; i < 4; i++) {
      bench.make(1, 'failure');
      bench.make(1, 'ignore');
      await bench.clock.advance(600_000);
    }
    expect(bench.state).toBe('closed');
    bench.make(1, 'failure');
    expect(bench.events).toMatchObject([{ type: 'circuit-open', reason: 'consecutive-failures' }]);
  });

  test('forgets what is older than the window', async () => {
    const bench = new TestBench({ consecutiveFailures: false });
    bench.make(9, 'failure');
    await bench.clock.advance(60_000);
    expect(bench.circuits.list()).toMatchObject([{ counts: { completed: 0, failed: 0 } }]);
    bench.make(9, 'failure');
    expect(bench.state).toBe('closed');
  });

  test('keeps what is in the window while it moves on', async () => {
    const bench = new TestBench({ consecutiveFailures: false });
    for (let i = 0; i < 9; i++) {
      bench.make(1, 'failure');
      await bench.clock.advance(6_000);
    }
    bench.make(1, 'failure');
    expect(bench.state).toBe('open');
  });

  test('opens when streams are slow to begin, as soon as they begin', async () => {
    const bench = new TestBench();
    const slow = Array.from({ length: 8 }, () => bench.begin(true));
    await bench.clock.advance(30_001);
    for (let i = 0; i < 2; i++) bench.begin(true).content().end('success');
    for (const call of slow.slice(0, 7)) call.content();
    expect(bench.state).toBe('closed');
    slow[7]?.content();
    expect(bench.events).toMatchObject([
      { type: 'circuit-open', reason: 'slow-first-event', counts: { timed: 10, slow: 8, failed: 0 } },
    ]);
  });

  test('takes a stream that was given up before its first content for a slow one', async () => {
    const bench = new TestBench({ consecutiveFailures: false, failureRate: false });
    const calls = Array.from({ length: 10 }, () => bench.begin(true));
    await bench.clock.advance(60_000);
    for (const call of calls) call.end('failure');
    expect(bench.events).toMatchObject([{ reason: 'slow-first-event' }]);
  });

  test('times a stream that fails late by its first content alone', async () => {
    const bench = new TestBench();
    const call = bench.begin(true).content();
    await bench.clock.advance(300_000);
    call.end('failure');
    expect(bench.circuits.list()).toMatchObject([{ counts: { failed: 1, timed: 0, slow: 0 } }]);
  });

  test('does not time answers that are not streamed', async () => {
    const bench = new TestBench();
    const calls = Array.from({ length: 20 }, () => bench.begin(false));
    await bench.clock.advance(120_000);
    for (const call of calls) call.content().end('success');
    expect(bench.circuits.list()).toMatchObject([{ state: 'closed', counts: { timed: 0, completed: 20 } }]);
  });

  test.each([
    [{ failureRate: false }, 4],
    [{ consecutiveFailures: false }, 9],
  ] as const)('lets a condition be turned off: %j', (rules, failures) => {
    const bench = new TestBench(rules);
    bench.make(failures, 'failure');
    expect(bench.state).toBe('closed');
    bench.make(1, 'failure');
    expect(bench.state).toBe('open');
  });
});

describe('an open circuit', () => {
  test('says when the next probe may go, and lets it through then and not before', async () => {
    const bench = new TestBench();
    bench.make(5, 'failure');
    const { retryAfterMs = 0, plugin, status, retryable } = bench.refusal() ?? {};
    expect({ plugin, status, retryable }).toEqual({
      plugin: 'circuit-breaker',
      status: 503,
      retryable: true,
    });
    expect(retryAfterMs).toBeGreaterThanOrEqual(5_000);
    expect(retryAfterMs).toBeLessThanOrEqual(5_500);
    await bench.clock.advance(retryAfterMs - 1);
    expect(bench.refusal()?.retryAfterMs).toBe(1);
    await bench.clock.advance(1);
    expect(bench.refusal()).toBeUndefined();
  });

  test('stays open twice as long with each failed probe, up to a bound', async () => {
    const bench = new TestBench();
    bench.make(5, 'failure');
    const times: number[] = [];
    for (let i = 0; i < 8; i++) {
      times.push(bench.refusal()?.retryAfterMs ?? 0);
      await bench.untilHalfOpen();
      bench.make(1, 'failure');
    }
    for (const [i, least] of [5, 10, 20, 40, 80, 120, 120, 120].entries()) {
      expect(times[i]).toBeGreaterThanOrEqual(least * 1_000);
      expect(times[i]).toBeLessThanOrEqual(least * 1_100);
    }
    expect(new Set(times.slice(-3)).size).toBe(3);
    expect(bench.events.at(-1)).toMatchObject({ type: 'circuit-open', reason: 'probe-failed' });
  });

  test('begins anew with its growth when it has stayed closed for a window, not when it flaps', async () => {
    const bench = new TestBench();
    const openOnce = async (): Promise<number> => {
      bench.make(5, 'failure');
      const { retryAfterMs = 0 } = bench.refusal() ?? {};
      await bench.untilHalfOpen();
      bench.make(2, 'success');
      return retryAfterMs;
    };
    expect(await openOnce()).toBeLessThan(6_000);
    expect(await openOnce()).toBeGreaterThanOrEqual(10_000);
    await bench.clock.advance(59_999);
    expect(await openOnce()).toBeGreaterThanOrEqual(20_000);
    await bench.clock.advance(60_000);
    expect(await openOnce()).toBeLessThan(6_000);
  });

  test('stays open at least as long as any of the failures asked for, up to a cap', async () => {
    const bench = new TestBench();
    bench.make(1, 'failure', 60_000);
    await bench.clock.advance(10_000);
    bench.make(4, 'failure', 1_000);
    expect(bench.refusal()?.retryAfterMs).toBeGreaterThanOrEqual(50_000);
    await bench.untilHalfOpen();
    bench.make(1, 'failure', 86_400_000);
    expect(bench.refusal()?.retryAfterMs).toBeGreaterThanOrEqual(300_000);
    expect(bench.refusal()?.retryAfterMs).toBeLessThanOrEqual(330_000);
  });

  test('forgets what was asked for when it has closed', async () => {
    const bench = new TestBench();
    bench.make(5, 'failure', 300_000);
    bench.circuits.reset();
    bench.make(5, 'failure');
    expect(bench.refusal()?.retryAfterMs).toBeLessThan(11_000);
  });
});

describe('a half-open circuit', () => {
  test('lets three probes through at once and closes when two have succeeded', async () => {
    const bench = new TestBench();
    bench.make(5, 'failure');
    await bench.untilHalfOpen();
    const [one, two, three] = [bench.begin(), bench.begin(true), bench.begin()];
    expect(bench.refusal()).toMatchObject({ retryAfterMs: 30_000 });
    one.end('success');
    expect(bench.state).toBe('half-open');
    two.content().end('success');
    expect(bench.state).toBe('closed');
    three.end('failure');
    expect(bench.circuits.list()).toMatchObject([{ state: 'closed', counts: { completed: 0, failed: 0 } }]);
  });

  test('opens again with the first failure', async () => {
    const bench = new TestBench();
    bench.make(5, 'failure');
    await bench.untilHalfOpen();
    const [one, two] = [bench.begin(), bench.begin()];
    one.end('success');
    two.end('failure');
    expect(bench.state).toBe('open');
  });

  test('counts the probes of each half-open period anew', async () => {
    const bench = new TestBench();
    bench.make(5, 'failure');
    for (let i = 0; i < 3; i++) {
      await bench.untilHalfOpen();
      bench.make(1, 'success');
      expect(bench.state).toBe('half-open');
      bench.make(1, 'failure');
      expect(bench.state).toBe('open');
    }
  });

  test('judges a probe that is over its lease when it ends after all', async () => {
    const bench = new TestBench({ probes: 1 });
    bench.make(5, 'failure');
    await bench.untilHalfOpen();
    const long = [bench.begin()];
    await bench.clock.advance(30_000);
    long.push(bench.begin());
    await bench.clock.advance(600_000);
    for (const probe of long) probe.end('success');
    expect(bench.state).toBe('closed');
  });

  async function openBySlowness(): Promise<TestBench> {
    const bench = new TestBench();
    const slow = Array.from({ length: 10 }, () => bench.begin(true));
    await bench.clock.advance(30_001);
    for (const call of slow) call.content();
    expect(bench.state).toBe('open');
    await bench.untilHalfOpen();
    return bench;
  }

  test('takes a slow probe for a failed one, if slowness opened it', async () => {
    const bench = await openBySlowness();
    const probe = bench.begin(true);
    await bench.clock.advance(30_001);
    probe.content();
    expect(bench.state).toBe('open');
    expect(bench.events.at(-1)).toMatchObject({ type: 'circuit-open', reason: 'slow-first-event' });
    probe.end('success');
    expect(bench.state).toBe('open');
  });

  test('does not time a probe that is not streamed, and forgets the slow streams when it closes', async () => {
    const bench = await openBySlowness();
    const [whole, streamed] = [bench.begin(false), bench.begin(true).content()];
    await bench.clock.advance(120_000);
    whole.content().end('success');
    streamed.end('success');
    expect(bench.state).toBe('closed');
    bench.begin(true).content().end('success');
    expect(bench.circuits.list()).toMatchObject([{ state: 'closed', counts: { timed: 1, slow: 0 } }]);
  });

  test('does not, if failures did', async () => {
    const bench = new TestBench({ probeSuccesses: 1 });
    bench.make(5, 'failure');
    await bench.untilHalfOpen();
    const probe = bench.begin(true);
    await bench.clock.advance(60_000);
    probe.content().end('success');
    expect(bench.state).toBe('closed');
  });
});
