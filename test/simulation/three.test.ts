import { describe, expect, test } from 'vitest';
import {
  answeredShare,
  shareOf,
  simulate,
  type SimulationOptions,
  type SimulationResult,
} from './regions.ts';
import { type Stack, stackFor, type StackOptions } from './stack.ts';
import type { SimulatedRegion, Weather } from './weather.ts';

const MINUTE = 60_000;

const always =
  (weather: Weather): (() => Weather) =>
  () =>
    weather;
const until =
  (endMs: number, weather: Weather) =>
  (atMs: number): Weather =>
    atMs < endMs ? weather : { kind: 'well' };

/** The fault script of the issue. */
const ILL: readonly SimulatedRegion[] = [
  { id: 'slow', weather: always({ kind: 'slow', factor: 10 }) },
  { id: 'flapping', weather: always({ kind: 'flapping', share: 0.5 }) },
  { id: 'down', weather: until(MINUTE, { kind: 'down' }) },
];

interface Run extends SimulationResult {
  readonly stack: Stack;
}

/** All three plugins, as they are by default. */
async function run(
  regions: readonly SimulatedRegion[],
  simulation: Omit<SimulationOptions, 'regions' | 'plugins' | 'services'>,
  options: StackOptions = {},
): Promise<Run> {
  const stack = stackFor(regions, options);
  const { plugins, services } = stack;
  return { ...(await simulate({ ...simulation, regions, plugins, services })), stack };
}

/** Requests sent for each call. */
const load = ({ sends, outcomes }: SimulationResult): number => sends.length / outcomes.length;
/** When the first `calls` calls were under way. */
const after = (calls: number, { sends }: SimulationResult): number => sends[calls]?.atMs ?? Infinity;
/** When the endpoint was sent to again, once it was up. */
const backAt = ({ sends }: SimulationResult, endpoint: string, upAt: number): number =>
  sends.find(({ region, atMs }) => region === endpoint && atMs >= upAt)?.atMs ?? Infinity;
/** When its next probe was due as it came up: its circuit's time, or an ejection of half a minute and a tenth. */
function probeDueAt({ stack, clock }: Run, endpoint: string, upAt: number): number {
  const startedAt = clock.wallTime() - clock.now();
  const before = stack.events.filter(
    (event) => event.endpoint === endpoint && event.since - startedAt < upAt,
  );
  const openUntil = before.at(-1)?.openUntil ?? -Infinity;
  return Math.max(openUntil - startedAt, upAt + 33_000);
}

function expectWell({ stack, clock }: Run): void {
  for (const { state, counts } of stack.circuits().list()) {
    expect(state).toBe('closed');
    expect(counts.probes).toBe(0);
  }
  for (const { inFlight, available } of stack.health.list(clock)) {
    expect(inFlight).toBe(0);
    expect(available).toBe(true);
  }
}

const RATES: readonly (readonly [callsPerSecond: number, streamed: boolean])[] = [
  [1, true],
  [1, false],
  [5, true],
  [5, false],
  [10, true],
];
const SEEDS = [1, 2];

describe.each(RATES)(
  'one region slow, one flapping, one down for a minute (%d a second, streamed: %s)',
  (...of) => {
    const [callsPerSecond, streamed] = of;
    const simulation = { durationMs: 2.5 * MINUTE, callsPerSecond, streamed };

    test.each(SEEDS)('beside one that is well: every line of the bar (seed %d)', async (seed) => {
      const result = await run([...ILL, { id: 'well' }], { ...simulation, seed });
      expect(answeredShare(result)).toBeGreaterThanOrEqual(0.999);
      expect(load(result)).toBeLessThanOrEqual(1.2);
      expect(shareOf(result, 'slow', after(20, result))).toBeLessThan(0.1);
      // By traffic, so a call that goes there must come along: at one a second that is some seconds later.
      expect(backAt(result, 'down', MINUTE)).toBeLessThanOrEqual(probeDueAt(result, 'down', MINUTE) + 5_000);
      expect(shareOf(result, 'down', 2 * MINUTE)).toBeGreaterThan(0.2);
    });

    // In the first minute no region is well. What can be asked for then is bounded by the budget: a call a second does
    // not earn as many retries as the flapping one costs. And the slow one, which answers everything, is what routing
    // has to lean on.
    test.each(SEEDS)('and nothing else: the same from when one is well again (seed %d)', async (seed) => {
      const result = await run(ILL, { ...simulation, seed });
      const back = backAt(result, 'down', MINUTE);
      expect(back).toBeLessThanOrEqual(probeDueAt(result, 'down', MINUTE) + 5_000);
      expect(answeredShare(result, MINUTE)).toBeGreaterThanOrEqual(0.999);
      expect(answeredShare(result)).toBeGreaterThanOrEqual(callsPerSecond < 5 ? 0.95 : 0.998);
      expect(load(result)).toBeLessThanOrEqual(1.2);
      expect(shareOf(result, 'slow', back + 10_000)).toBeLessThan(0.1);
      expect(shareOf(result, 'down', back + MINUTE / 2)).toBeGreaterThan(0.4);
    });
  },
);

describe('a storm of 529 or 503 in all regions for a minute (F-22)', () => {
  const storm = (status: number): readonly SimulatedRegion[] =>
    ['a', 'b', 'c'].map((id) => ({ id, weather: until(MINUTE, { kind: 'flapping', share: 1, status }) }));

  test.each([
    [529, true, 1],
    [529, false, 5],
    [503, true, 5],
    [503, false, 10],
  ])('%d, streamed: %s, %d a second', async (status, streamed, callsPerSecond) => {
    for (const seed of SEEDS) {
      const result = await run(storm(status), { seed, durationMs: 2.5 * MINUTE, callsPerSecond, streamed });
      const { outcomes, begunAt, sends, stack } = result;
      const inStorm = outcomes.filter((_, i) => (begunAt[i] ?? 0) < MINUTE);
      const stormSends = sends.filter(({ atMs }) => atMs < MINUTE).length;
      // The budget is what the load adds up to, its reserve and what refills of it included.
      expect(stormSends).toBeLessThanOrEqual(1.2 * inStorm.length + 11);
      expect(load(result)).toBeLessThanOrEqual(1.2);
      // With three open circuits nothing is sent: a call is refused within the moment in which it came.
      const refused = inStorm.filter(({ attempts }) => attempts === 0);
      expect(refused.length).toBeGreaterThan(callsPerSecond);
      // A failover is tried a moment later, and finds nobody.
      for (const { durationMs, status } of refused) expect([status, durationMs <= 110]).toEqual([503, true]);
      // Half-open means single probes: never more than three at a circuit, and the first that fails opens it again.
      const opened = stack.events.filter(({ type }) => type === 'circuit-open').length;
      const halfOpened = stack.events.filter(({ type }) => type === 'circuit-half-open').length;
      expect(opened).toBeGreaterThanOrEqual(3);
      expect(halfOpened).toBeGreaterThan(0);
      // One probe interval at most, and every call is answered again.
      const dueAt = Math.min(...['a', 'b', 'c'].map((id) => probeDueAt(result, id, MINUTE)));
      expect(answeredShare(result, dueAt + 10_000)).toBe(1);
      expectWell(result);
    }
  });
});

test.each([
  [401, true, 3],
  [401, false, 3],
  [403, true, 1],
  [403, false, 1],
])(
  'one region says %d to its key (streamed: %s): tried once, set aside, and no loop (F-23)',
  async (status, streamed) => {
    const regions: readonly SimulatedRegion[] = [
      { id: 'a' },
      { id: 'b' },
      { id: 'bad', weather: always({ kind: 'flapping', share: 1, status }) },
    ];
    const endpoints = regions.map(({ id }) => ({
      id,
      region: id,
      url: `https://${id}.test`,
      credential: { header: 'x-api-key', value: `key-of-${id}` },
    }));
    for (const seed of SEEDS) {
      const result = await run(
        regions,
        { seed, durationMs: 2 * MINUTE, callsPerSecond: 5, streamed },
        { routing: { endpoints, strategy: 'round-robin' } },
      );
      const met = result.outcomes.filter(({ history }) => history.some((one) => one.status === status));
      expect(met.length).toBeGreaterThan(2);
      for (const { history } of met) expect(history.filter((one) => one.status === status)).toHaveLength(1);
      // A bad key is no illness of the endpoint: no circuit opens for it.
      expect(result.stack.events).toEqual([]);
      if (status === 401) {
        expect(answeredShare(result)).toBe(1);
        // Half a minute in quarantine each time, and whoever was on the way.
        expect(met.length).toBeLessThan(20);
      } else {
        // It goes to the caller, and nowhere else.
        for (const { history, kind } of met) expect([history.length, kind]).toEqual([1, 'upstream-error']);
      }
    }
  },
);

test.each([true, false])(
  'a border is not crossed, whatever is down, and a 503 says so (F-28, streamed: %s)',
  async (streamed) => {
    for (const seed of SEEDS) {
      const result = await run(
        [{ id: 'eu', weather: until(MINUTE, { kind: 'down' }) }, { id: 'us' }, { id: 'jp' }],
        { seed, durationMs: 3 * MINUTE, callsPerSecond: 5, streamed },
        { routing: { allowedRegions: ['eu'] } },
      );
      expect(new Set(result.sends.map(({ region }) => region))).toEqual(new Set(['eu']));
      const failed = result.outcomes.filter(({ kind }) => kind !== 'completed');
      expect(failed.length).toBeGreaterThan(100);
      // Once its circuit is open, nearly all are refused by routing, which knows when it may be asked again.
      const refused = failed.filter(({ attempts }) => attempts === 0);
      expect(refused.length).toBeGreaterThan(0.8 * failed.length);
      for (const { status } of refused) expect(status).toBe(503);
      expect(load(result)).toBeLessThanOrEqual(1.2);
      expect(answeredShare(result, probeDueAt(result, 'eu', MINUTE) + 5_000)).toBe(1);
    }
  },
);

test('the same seed gives the same run', async () => {
  const simulation = { seed: 11, durationMs: MINUTE, callsPerSecond: 5 };
  const [one, two] = [await run(ILL, simulation), await run(ILL, simulation)];
  expect(two.sends).toEqual(one.sends);
  expect(two.stack.events).toEqual(one.stack.events);
});
