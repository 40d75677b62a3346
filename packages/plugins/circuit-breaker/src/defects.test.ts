import { PipelineError } from '@sluice/core';
import { describe, expect, test, vi } from 'vitest';
import { TestBench } from './test-bench.ts';
import { DEFAULT_RULES } from './options.ts';

// The numbers are those of the defects of plain opossum; 9 and 13 need a pipeline, see circuit-breaker.test.ts.
describe('what plain opossum gets wrong for calls that take minutes', () => {
  test('1: calls that last longer than the window open the circuit when they all fail', async () => {
    const bench = new TestBench({ consecutiveFailures: false });
    const calls = Array.from({ length: 100 }, () => bench.begin());
    await bench.clock.advance(300_000);
    for (const call of calls) call.end('failure');
    expect(bench.state).toBe('open');
    expect(bench.circuits.list()).toMatchObject([{ reason: 'failure-rate', counts: { completed: 10 } }]);
  });

  test('2: a single failure of a hundred long calls does not', async () => {
    const bench = new TestBench();
    const calls = Array.from({ length: 100 }, () => bench.begin());
    await bench.clock.advance(300_000);
    for (const [i, call] of calls.entries()) call.end(i === 0 ? 'failure' : 'success');
    expect(bench.state).toBe('closed');
  });

  test('3: calls in progress do not water down the rate', () => {
    const bench = new TestBench({ consecutiveFailures: false, minCalls: 40, failureRate: 1 });
    for (let i = 0; i < 50; i++) bench.begin();
    bench.make(39, 'failure');
    expect(bench.state).toBe('closed');
    bench.make(1, 'failure');
    expect(bench.state).toBe('open');
  });

  test('4: probes that never end make room for others when their lease is over', async () => {
    const bench = new TestBench();
    bench.make(5, 'failure');
    await bench.untilHalfOpen();
    for (let i = 0; i < 3; i++) bench.begin();
    expect(bench.refusal()).toMatchObject({ code: 'circuit_open', retryAfterMs: 30_000 });
    await bench.clock.advance(29_999);
    expect(bench.refusal()?.retryAfterMs).toBe(1);
    await bench.clock.advance(1);
    bench.make(2, 'success');
    expect(bench.state).toBe('closed');
  });

  test('5: what a call from before the opening comes to neither closes nor opens', async () => {
    const bench = new TestBench();
    const [early, success, failure] = [bench.begin(), bench.begin(), bench.begin(true)];
    bench.make(5, 'failure');
    early.end('success');
    expect(bench.state).toBe('open');
    await bench.untilHalfOpen();
    const probe = bench.begin();
    success.end('success');
    failure.content().end('failure');
    expect(bench.state).toBe('half-open');
    probe.end('success');
    bench.make(1, 'success');
    expect(bench.state).toBe('closed');
    expect(bench.types).toEqual(['circuit-open', 'circuit-half-open', 'circuit-close']);
  });

  test('5: nor does a probe of an earlier half-open period', async () => {
    const bench = new TestBench();
    bench.make(5, 'failure');
    await bench.untilHalfOpen();
    const [late, alsoLate, failing] = [bench.begin(), bench.begin(), bench.begin()];
    failing.end('failure');
    await bench.untilHalfOpen();
    late.end('success');
    alsoLate.end('failure');
    expect(bench.state).toBe('half-open');
    expect(bench.circuits.list()).toMatchObject([{ counts: { probes: 0 } }]);
  });

  test('6: a probe that says nothing frees its place and judges nothing', async () => {
    const bench = new TestBench({ probes: 1, probeSuccesses: 1 });
    bench.make(5, 'failure');
    await bench.untilHalfOpen();
    for (let i = 0; i < 20; i++) {
      const probe = bench.begin();
      expect(() => bench.begin()).toThrow(PipelineError);
      probe.end('ignore');
      expect(bench.state).toBe('half-open');
    }
    bench.make(1, 'success');
    expect(bench.state).toBe('closed');
  });

  test('7: what was refused for lack of capacity is no failure', () => {
    const bench = new TestBench();
    bench.make(1_000, 'ignore');
    expect(bench.circuits.list()).toMatchObject([{ state: 'closed', counts: { completed: 0 } }]);
  });

  test('8: refused calls count for nothing: ten failures open it again', async () => {
    const bench = new TestBench({ consecutiveFailures: false });
    bench.make(10, 'failure');
    for (let i = 0; i < 1_000; i++) expect(bench.refusal()).toBeDefined();
    await bench.untilHalfOpen();
    bench.make(2, 'success');
    expect(bench.circuits.list()).toMatchObject([{ state: 'closed', counts: { completed: 0 } }]);
    bench.make(9, 'failure');
    expect(bench.state).toBe('closed');
    bench.make(1, 'failure');
    expect(bench.state).toBe('open');
  });

  test('10: no more probes at once than allowed, however many have been given up', async () => {
    const bench = new TestBench({ probes: 2 });
    bench.make(5, 'failure');
    await bench.untilHalfOpen();
    bench.begin().end('ignore');
    for (let i = 0; i < 2; i++) bench.begin();
    expect(bench.refusal()).toBeDefined();
    await bench.clock.advance(30_000);
    for (let i = 0; i < 2; i++) bench.begin();
    expect(bench.refusal()).toBeDefined();
    expect(bench.circuits.list()).toMatchObject([{ counts: { probes: 2 } }]);
  });

  test('11: it sets no timer, real or not, and nothing happens by itself', async () => {
    const timeouts = vi.spyOn(globalThis, 'setTimeout');
    const intervals = vi.spyOn(globalThis, 'setInterval');
    const bench = new TestBench();
    bench.make(5, 'failure');
    await bench.untilHalfOpen();
    bench.make(1, 'failure');
    await bench.clock.advance(3_600_000);
    expect(bench.types).toEqual(['circuit-open', 'circuit-half-open', 'circuit-open']);
    expect(timeouts).not.toHaveBeenCalled();
    expect(intervals).not.toHaveBeenCalled();
    expect(bench.clock.pendingTimers).toBe(0);
    vi.restoreAllMocks();
  });

  test('12: two that were given the same rules share nothing else', () => {
    const rules = Object.freeze({ ...DEFAULT_RULES });
    const [one, other] = [new TestBench(rules), new TestBench(rules)];
    one.make(5, 'failure');
    other.make(1, 'success');
    expect([one.state, other.state]).toEqual(['open', 'closed']);
    expect(rules).toEqual(DEFAULT_RULES);
  });

  test('14: what was exported is open for the rest of its time, and no longer', async () => {
    const bench = new TestBench();
    bench.make(5, 'failure');
    const { retryAfterMs = 0 } = bench.refusal() ?? {};
    await bench.clock.advance(1_000);
    const kept: unknown = JSON.parse(JSON.stringify(bench.circuits.export()));
    const restarted = new TestBench();
    await restarted.clock.advance(3_000); // Since the export, 2 s have passed.
    restarted.circuits.import(kept);
    expect(restarted.refusal()?.retryAfterMs).toBe(retryAfterMs - 3_000);
    await restarted.clock.advance(retryAfterMs - 3_000);
    restarted.make(1, 'failure');
    // It goes on where it was in its growth.
    expect(restarted.refusal()?.retryAfterMs).toBeGreaterThanOrEqual(10_000);
  });
});
