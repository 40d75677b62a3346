import type { Outcome } from '@sluice/core';
import { fakeRandom, type ScriptedAnswer } from '@sluice/core/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bad, RESET } from './testing/retrying.ts';
import type { Routed } from './testing/routed.ts';
import { EVENTS, HEDGE, later, slow, warm } from './testing/warm.ts';

/** How one endpoint behaves: after a while it streams, fails, or throttles; or it never answers. */
interface Course {
  readonly ms: number;
  readonly end: 'content' | 'error' | 'reset' | 'throttle' | 'never';
}

const course = fc.record<Course>({
  ms: fc.integer({ min: 1, max: 1_000 }),
  end: fc.constantFrom('content', 'content', 'error', 'reset', 'throttle', 'never'),
});

function answerOf(pipe: () => Routed, { ms, end }: Course): ScriptedAnswer {
  if (end === 'content') return slow(pipe, ms);
  if (end === 'never') return () => new Promise<never>(() => undefined);
  const failure = { error: () => bad(500), throttle: () => bad(429), reset: () => RESET }[end];
  return () => later(pipe(), ms, failure());
}

test('whatever the two attempts of a call do, one answer goes out, once, and nothing is left of the other', async () => {
  await fc.assert(
    fc.asyncProperty(
      course,
      course,
      fc.option(fc.integer({ min: 1, max: 1_500 })),
      async (a, b, leavesAt) => {
        await using pipe = await warm((self) => ({ a: [answerOf(self, a)], b: [answerOf(self, b)] }));
        const caller = new AbortController();
        const pending = pipe.post({ stream: true }, { signal: caller.signal });
        const text = pending.then((response) => response.text()).catch(() => undefined);
        await pipe.clock.advance(leavesAt ?? 30_000);
        // For those that nobody answers; no matter to a call that has ended.
        caller.abort();
        const said = await text;
        await pipe.clock.advance(1);

        expect(pipe.outcomes).toHaveLength(1);
        const [{ kind, attempts, history }] = pipe.outcomes as [Outcome];
        expect(attempts).toBeLessThanOrEqual(3);
        if (kind === 'completed') expect(said).toBe(EVENTS.join(''));
        // Content of either is an answer: of the second, if the first took long enough.
        const first = a.end === 'content' ? a.ms : Infinity;
        const second = b.end === 'content' && (a.ms > 100 || a.end === 'never') ? 100 + b.ms : Infinity;
        if (Math.min(first, second) < (leavesAt ?? 30_000)) expect(kind).toBe('completed');
        // Every attempt is over, one at most has won, and those that lost say nothing of their endpoint.
        for (const { disposition, error } of history) {
          expect(disposition).toBeDefined();
          const { code } = (error ?? {}) as { code?: string };
          if (code === 'superseded' || code === 'client_abort') expect(disposition?.health).toBe('ignore');
        }
        expect(history.filter(({ disposition }) => disposition?.health === 'success').length).toBe(
          kind === 'completed' ? 1 : 0,
        );
        if (kind === 'client-abort') {
          for (const { signal } of pipe.transport.requests.slice(-attempts))
            expect(signal.aborted).toBe(true);
        }
      },
    ),
    { numRuns: 80 },
  );
});

test('cuts the tail: the slowest of a hundred calls takes a tenth of the time, for a twentieth more requests', async () => {
  const random = fakeRandom(5);
  const calls = 600;
  // A few calls of a hundred take fifty times as long as usual.
  const times = Array.from({ length: calls }, () => (random.next() < 0.03 ? 5_000 : 80 + random.next() * 40));
  const measured = async (hedge: boolean): Promise<{ p99: number; requests: number }> => {
    await using pipe = await warm(
      (self) => ({ a: times.map((ms) => slow(self, ms)), b: [slow(self, 100)] }),
      hedge ? { hedge: { ...HEDGE.hedge, budgetRatio: 0.05 } } : {},
    );
    const took: number[] = [];
    for (let call = 0; call < calls; call++) {
      const startedAt = pipe.clock.now();
      let answered = false;
      const pending = pipe.post({ stream: true }).finally(() => (answered = true));
      while (!answered) await pipe.clock.advance(20);
      took.push(pipe.clock.now() - startedAt);
      await (await pending).text();
    }
    const sorted = took.sort((one, other) => one - other);
    return { p99: sorted[Math.floor(calls * 0.99)] as number, requests: pipe.asked.length };
  };
  const without = await measured(false);
  expect(without).toMatchObject({ p99: 5_000, requests: calls });
  const withHedges = await measured(true);
  expect(withHedges.p99).toBeLessThanOrEqual(500);
  expect(withHedges.requests).toBeLessThanOrEqual(calls * 1.05 + 2);
});
