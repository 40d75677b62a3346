import { PipelineError } from '@sluice/core';
import { expect, test } from 'vitest';
import { isWhole, storm, type Storm } from './storm.ts';

const STORMS = 10_000;
/** In several tests, so that one that fails says roughly where. */
const BATCHES = 10;

/** What a batch has met: a simulation in which nothing happens shows nothing. */
const met = { calls: 0, sends: 0, completed: 0, refused: 0, left: 0, opened: 0, halfOpened: 0, hedged: 0 };

function check({ stack, settings, calls, mostProbes, clock, pendingTimers }: Storm): void {
  const { maxRetries, budgetRatio, budgetReserve, probes } = settings;
  let sent = 0;
  for (const call of calls) {
    const { allowed, sends, outcomes, left, settled } = call;
    sent += sends.length;
    // One end, and one only.
    expect(settled).toBe(true);
    expect(outcomes).toHaveLength(1);
    const [{ kind, attempts, history }] = outcomes as [(typeof outcomes)[0] & object];
    expect(attempts).toBe(sends.length);
    expect(history.map(({ endpoint }) => endpoint?.id)).toEqual(sends);
    for (const { durationMs } of history) expect(durationMs).toBeDefined();
    // Attempts within the budget of the call, borders never crossed.
    expect(sends.length).toBeLessThanOrEqual(maxRetries + 1);
    for (const region of sends) if (allowed !== undefined) expect(allowed).toContain(region);
    // Nobody is told that half an answer is a whole one.
    if (!left) expect(isWhole(call)).toBe(kind === 'completed');
    met.completed += kind === 'completed' ? 1 : 0;
    met.refused += attempts === 0 ? 1 : 0;
    met.left += kind === 'client-abort' ? 1 : 0;
    met.hedged += history.some(({ error }) => PipelineError.is(error) && error.code === 'superseded') ? 1 : 0;
  }
  // Attempts of all calls together: what calls add, the reserve, and what of it fills up again.
  const reserve = budgetReserve * (1 + clock.now() / 600_000);
  expect(sent - calls.length).toBeLessThanOrEqual(budgetRatio * calls.length + reserve);
  // Probes are as many as there may be, and after a while of fine weather nothing is left of the storm.
  expect(mostProbes).toBeLessThanOrEqual(probes);
  for (const { state, counts } of stack.circuits().list()) {
    expect(state).toBe('closed');
    expect(counts.probes).toBe(0);
  }
  for (const { inFlight, available, rests } of stack.health.list(clock)) {
    expect(inFlight).toBe(0);
    expect(available).toBe(true);
    expect(rests).toEqual([]);
  }
  expect(calls.slice(-3).map(isWhole)).toEqual([true, true, true]);
  expect(pendingTimers).toBe(0);
  met.calls += calls.length;
  met.sends += sent;
  for (const { type } of stack.events) {
    if (type === 'circuit-open') met.opened++;
    if (type === 'circuit-half-open') met.halfOpened++;
  }
}

test.each(Array.from({ length: BATCHES }, (_, i) => i))(
  'whatever the weather: budgets hold, borders hold, each call ends once, all recover, nothing is left (batch %d)',
  async (batch) => {
    const each = STORMS / BATCHES;
    for (let seed = batch * each; seed < (batch + 1) * each; seed++) {
      try {
        check(await storm(seed));
      } catch (error) {
        throw new Error(`the storm of seed ${seed}`, { cause: error });
      }
    }
  },
  120_000,
);

test('and all of this did happen', () => {
  expect(met.sends).toBeGreaterThan(met.calls / 2);
  const { hedged, ...often } = met;
  for (const count of Object.values(often)) expect(count).toBeGreaterThan(STORMS / 10);
  expect(hedged).toBeGreaterThan(20);
});
