import { PipelineError } from '@sluice/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TestBench, type Running } from './test-bench.ts';

const health = fc.constantFrom('success' as const, 'failure' as const, 'failure' as const, 'ignore' as const);
const retryAfterMs = fc.option(fc.integer({ min: 0, max: 600_000 }), { nil: undefined });
const step = fc.oneof(
  { weight: 20, arbitrary: fc.record({ do: fc.constant('begin' as const), streamed: fc.boolean() }) },
  {
    weight: 16,
    arbitrary: fc.record({ do: fc.constant('end' as const), which: fc.nat(30), health, retryAfterMs }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('content' as const), which: fc.nat(30) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.oneof(fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 0, max: 200_000 })),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reset' as const) }) },
);

const rules = fc.record({
  probes: fc.integer({ min: 1, max: 4 }),
  probeSuccesses: fc.integer({ min: 1, max: 4 }),
  minCalls: fc.integer({ min: 1, max: 10 }),
  consecutiveFailures: fc.constantFrom(false as const, 1, 3),
  probeLeaseMs: fc.integer({ min: 1, max: 60_000 }),
});

test('whatever happens, there are never more probes than allowed, and a healthy upstream is found to be one', async () => {
  const seen = { refused: 0, halfOpen: 0 };
  await fc.assert(
    fc.asyncProperty(
      rules,
      fc.array(step, { minLength: 40, maxLength: 120 }),
      fc.nat(),
      async (rules, steps, seed) => {
        const bench = new TestBench(rules, seed);
        const { clock, circuits } = bench;
        const running: Running[] = [];
        /** Ends of the leases of probes that are under way, and the half-open period that they belong to. */
        let leases: { readonly call: Running; readonly endsAt: number }[] = [];
        let changes = 0;

        const begin = (streamed: boolean): Running | undefined => {
          const before = circuits.list()[0]?.state ?? 'closed';
          if (bench.events.length !== changes) leases = [];
          changes = bench.events.length;
          leases = leases.filter(({ endsAt }) => endsAt > clock.now());
          try {
            const call = bench.begin(streamed);
            expect(before).not.toBe('open');
            if (before === 'half-open') {
              seen.halfOpen++;
              leases.push({ call, endsAt: clock.now() + rules.probeLeaseMs });
            }
            expect(leases.length).toBeLessThanOrEqual(rules.probes);
            return call;
          } catch (error) {
            if (!PipelineError.is(error)) throw error;
            seen.refused++;
            expect(before).not.toBe('closed');
            expect(error.retryAfterMs).toBeGreaterThan(0);
            expect(error.retryAfterMs).toBeLessThanOrEqual(330_000);
            if (before === 'half-open') expect(leases).toHaveLength(rules.probes);
            return undefined;
          }
        };

        for (const step of steps) {
          if (step.do === 'begin') {
            const call = begin(step.streamed);
            if (call !== undefined) running.push(call);
          } else if (step.do === 'wait') await clock.advance(step.ms);
          else if (step.do === 'reset') circuits.reset();
          else {
            const [call] = running.slice(step.which % Math.max(1, running.length));
            if (call === undefined) continue;
            if (step.do === 'content') call.content();
            else {
              running.splice(running.indexOf(call), 1);
              leases = leases.filter((lease) => lease.call !== call);
              call.end(step.health, step.retryAfterMs);
            }
          }
        }

        // From now on the upstream is well. What is still under way never ends.
        for (let i = 0; bench.state !== 'closed' && i < 2 * (rules.probeSuccesses + 2); i++) {
          const call = begin(false);
          if (call === undefined) await clock.advance(bench.refusal()?.retryAfterMs ?? 0);
          else {
            leases = leases.filter((lease) => lease.call !== call);
            call.end('success');
          }
        }
        expect(bench.state ?? 'closed').toBe('closed');
        expect(clock.pendingTimers).toBe(0);
      },
    ),
    { numRuns: 1_000 },
  );
  expect(seen.refused).toBeGreaterThan(1_000);
  expect(seen.halfOpen).toBeGreaterThan(100);
});

test('an upstream that fails every other call is not tried more and more often, and is back soon after it is well', async () => {
  const bench = new TestBench({}, 7);
  const { clock } = bench;
  const answer = (ok: boolean): boolean => {
    if (bench.refusal() !== undefined) return false;
    bench.make(1, ok ? 'success' : 'failure');
    return true;
  };
  let through = 0;
  let flip = false;
  // Ten calls a second for ten minutes.
  for (let i = 0; i < 6_000; i++) {
    flip = !flip;
    if (answer(flip)) through++;
    await clock.advance(100);
  }
  const opened = bench.types.filter((type) => type === 'circuit-open').length;
  expect(opened).toBeGreaterThan(3);
  expect(opened).toBeLessThan(20);
  expect(through).toBeLessThan(600);
  for (let ms = 0; ms < 132_000 && bench.state !== 'closed'; ms += 100) {
    answer(true);
    await clock.advance(100);
  }
  expect(bench.state).toBe('closed');
});

test('an upstream that was down is back within the time its circuit was open', async () => {
  const bench = new TestBench({}, 3);
  let refusedSince: number | undefined;
  for (let now = 0; now < 200_000; now += 50) {
    const down = now < 60_000;
    const refused = bench.refusal();
    if (refused === undefined) bench.make(1, down ? 'failure' : 'success');
    if (down) refusedSince = refused === undefined ? undefined : (refusedSince ?? now);
    else if (bench.state === 'closed') {
      // One probe interval: what had passed of it in the outage is as long as what came after, at most.
      expect(now - 60_000).toBeLessThanOrEqual(60_000 - (refusedSince ?? 60_000) + 5_500);
      return;
    }
    await bench.clock.advance(50);
  }
  expect.unreachable('it never closed');
});
