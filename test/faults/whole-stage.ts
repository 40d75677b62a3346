import { verifyLog } from '@sluice/audit';
import { CIRCUITS, type Circuits, memoryCircuits } from '@sluice/circuit-breaker';
import { CLOCK, type Outcome, PipelineError, provide, RANDOM } from '@sluice/core';
import {
  inspectLimits,
  LIMIT_STORE,
  type LimitRule,
  type LimitStore,
  memoryLimitStore,
  redisLimitStore,
} from '@sluice/rate-limit';
import { ENDPOINT_HEALTH, endpointHealth } from '@sluice/region-routing';
import { expect, vi } from 'vitest';
import { OPERATORS_KEY, standardStage, type StandardStage } from '../integration/standard-stage.ts';
import { type CountedClock, countedClock } from '../support/counted-clock.ts';
import type { Mount } from '../support/mounts.ts';

/** Options of the standard pipeline. */
export type WholeOptions = NonNullable<Parameters<typeof standardStage>[1]> & {
  /** Default: real time. */
  readonly clock?: CountedClock;
};

/** The standard pipeline with every part on, and all that a call must leave in order within reach. */
export interface WholeStage extends StandardStage {
  readonly clock: CountedClock;
  /**
   * Waits until nothing is in progress, ends the stage, and looks at what `calls` calls have left: the common
   * post-conditions of the fault catalogue. See README.md.
   */
  expectInOrder(calls: number): Promise<void>;
}

/** More than the calls of a stage use. */
export const RULES: readonly LimitRule[] = [
  { name: 'day', of: 'requests', limit: 1_000_000, calendar: 'day' },
  { name: 'rpm', of: 'requests', limit: 1_000_000, windowMs: 60_000 },
  { name: 'tokens', of: 'tokens', limit: 1_000_000_000, calendar: 'day' },
  { name: 'parallel', of: 'concurrent-calls', limit: 10_000 },
];

/** Longest time from the end of an outage until all is as before. */
const RECOVERED_MS = 5_000;

/** Before these run out, a test has failed by another clock. */
const LONG = {
  connectMs: 20_000,
  firstEventMs: 20_000,
  idleMs: 20_000,
  totalMs: 20_000,
  streamedTotalMs: 20_000,
};

/** Sets the stage; `options` come in the place of those that all tests have. */
export async function wholeStage(mount: Mount, options: WholeOptions = {}): Promise<WholeStage> {
  const { clock = countedClock(), ...rest } = options;
  const { timeouts, services = [], redis, redisPrefix = 'sluice:', rateLimit } = rest;
  const rules = typeof rateLimit === 'object' && 'rules' in rateLimit ? rateLimit.rules : RULES;
  const health = endpointHealth();
  let circuits: Circuits | undefined;
  const limits: LimitStore =
    redis === undefined
      ? memoryLimitStore({ clock })
      : redisLimitStore(redis, { prefix: `${redisPrefix}limit:` });
  const stage = await standardStage(mount, {
    rateLimit: { rules: RULES },
    retry: { baseDelayMs: 0, throttledDelayMs: 0 },
    circuitBreaker: {},
    credentials: {
      poolScope: 'shared',
      keys: ['main', 'spare'].map((id) => ({ id, load: () => `${OPERATORS_KEY}-${id}` })),
    },
    ...rest,
    timeouts: { ...LONG, ...timeouts },
    services: [
      provide(CLOCK, () => clock),
      provide(CIRCUITS, (needs) => (circuits = memoryCircuits(needs)), { clock: CLOCK, random: RANDOM }),
      provide(ENDPOINT_HEALTH, () => health),
      ...(redis === undefined ? [provide(LIMIT_STORE, () => limits)] : []),
      ...services,
    ],
  });

  const expectInOrder = async (calls: number): Promise<void> => {
    const { eu, us, pipeline, outcomes } = stage;
    await Promise.all([...eu.requests, ...us.requests].map(({ closed }) => closed));
    await pipeline.drain();
    expect(outcomes, 'one outcome for each call').toHaveLength(calls);
    expect([eu.openStreams, us.openStreams], 'requests upstream').toEqual([0, 0]);
    for (const { id, inFlight } of health.list(clock)) expect([id, inFlight]).toEqual([id, 0]);
    expectJudgedOnce(outcomes, circuits);
    await expectSettled(limits, rules, outcomes);
    await stage.close();
    expect(clock.pendingTimers, 'timers').toBe(0);
    await expectRecorded(stage);
  };
  return Object.assign(stage, { clock, expectInOrder });
}

/** No attempt counts twice in a circuit, and none holds a place in one. */
function expectJudgedOnce(outcomes: readonly Outcome[], circuits: Circuits | undefined): void {
  for (const { endpoint, counts } of circuits?.list() ?? []) {
    const attempts = outcomes.flatMap(({ history }) =>
      history.filter((one) => (one.endpoint?.id ?? endpoint) === endpoint),
    );
    expect(counts.completed, `results at ${endpoint}`).toBeLessThanOrEqual(attempts.length);
    expect(counts.probes, `probes at ${endpoint}`).toBe(0);
  }
}

/** Each call that was sent counts once, whatever it tried, and its place is free again. */
async function expectSettled(
  store: LimitStore,
  rules: readonly LimitRule[],
  outcomes: readonly Outcome[],
): Promise<void> {
  const sent = outcomes.filter(({ attempts }) => attempts > 0).length;
  const answered = outcomes.filter(({ kind, attempts }) => kind === 'completed' && attempts > 0).length;
  // A store that was away is told when it is back.
  await vi.waitFor(async () => {
    const limits = await inspectLimits(store, { rules, names: { tenant: 'acme' } });
    for (const { rule, used } of limits) {
      if (rule === 'parallel') expect(used, 'places').toBe(0);
      if (rule !== 'day') continue;
      expect(used, 'requests').toBeLessThanOrEqual(sent);
      expect(used, 'requests').toBeGreaterThanOrEqual(answered);
    }
  }, RECOVERED_MS);
}

/** The log has each call once, says how it ended, verifies, and holds no secret. */
async function expectRecorded({ audit, outcomes, keys }: StandardStage): Promise<void> {
  expect(await verifyLog({ directory: audit.directory })).toMatchObject({ state: 'intact', problems: [] });
  const records = (await audit.records()).filter(({ type }) => type === 'outcome');
  const recorded = records.map(({ outcome, status, cause }) => [
    outcome,
    status,
    (cause as { code?: string } | undefined)?.code,
  ]);
  const reported = outcomes.map(({ kind, status, cause }) => [
    kind,
    status,
    PipelineError.is(cause) ? cause.code : undefined,
  ]);
  expect(sorted(recorded), 'audit records').toEqual(sorted(reported));
  expect(new Set(records.map(({ call }) => call)).size, 'calls with a record').toBe(outcomes.length);
  const text = await audit.text();
  for (const secret of [OPERATORS_KEY, keys.acme, keys.globex]) expect(text).not.toContain(secret);
}

function sorted(rows: readonly unknown[]): string[] {
  return rows.map((row) => JSON.stringify(row)).toSorted();
}
