import { type Outcome, provide } from '@sluice/core';
import {
  ENDPOINT_HEALTH,
  type EndpointHealth,
  endpointHealth,
  regionRouting,
  type RegionRoutingOptions,
  type RoutingStrategy,
} from '@sluice/region-routing';
import { retry } from '@sluice/retry';
import { describe, expect, test } from 'vitest';
import {
  answeredShare,
  shareOf,
  simulate,
  type SimulationOptions,
  type SimulationResult,
} from './regions.ts';
import type { SimulatedRegion, Weather } from './weather.ts';

const MINUTE = 60_000;

/** Routing alone, without retry and breaker. */
function route(
  regions: readonly SimulatedRegion[],
  options: Partial<RegionRoutingOptions>,
  simulation: Omit<SimulationOptions, 'regions' | 'plugins' | 'services'>,
  health: EndpointHealth = endpointHealth(),
): Promise<SimulationResult> {
  const endpoints = regions.map(({ id }) => ({ id, region: id, url: `https://${id}.test` }));
  return simulate({
    ...simulation,
    regions,
    plugins: [regionRouting({ endpoints, ...options })],
    services: [provide(ENDPOINT_HEALTH, () => health)],
  });
}

const always =
  (weather: Weather): (() => Weather) =>
  () =>
    weather;
const downUntil =
  (untilMs: number) =>
  (atMs: number): Weather =>
    atMs < untilMs ? { kind: 'down' } : { kind: 'well' };

/** When the first `calls` calls were under way. */
const after = (calls: number, { sends }: SimulationResult): number => sends[calls]?.atMs ?? Infinity;
const endpointsOf = ({ history }: Outcome): (string | undefined)[] =>
  history.map(({ endpoint }) => endpoint?.id);

describe('a region that is ten times slower', () => {
  const regions = [{ id: 'a' }, { id: 'b' }, { id: 'slow', weather: always({ kind: 'slow', factor: 10 }) }];

  test.each([
    [0.2, true],
    [1, true],
    [5, true],
    [20, true],
    [0.2, false],
    [5, false],
  ])(
    'has less than a tenth of the traffic after 20 calls (%d a second, streamed: %s)',
    async (callsPerSecond, streamed) => {
      for (const seed of [1, 2, 3]) {
        const durationMs = Math.min(10 * MINUTE, 400_000 / callsPerSecond);
        const result = await route(regions, {}, { seed, durationMs, callsPerSecond, streamed });
        expect(shareOf(result, 'slow', after(20, result))).toBeLessThan(0.1);
        expect(answeredShare(result)).toBe(1);
      }
    },
  );

  test('is taken back when it has recovered', async () => {
    const recovering = (atMs: number): Weather =>
      atMs < 2 * MINUTE ? { kind: 'slow', factor: 10 } : { kind: 'well' };
    const result = await route(
      [{ id: 'a' }, { id: 'b' }, { id: 'slow', weather: recovering }],
      {},
      { seed: 4, durationMs: 4 * MINUTE, callsPerSecond: 5 },
    );
    expect(shareOf(result, 'slow', MINUTE, 2 * MINUTE)).toBeLessThan(0.1);
    expect(shareOf(result, 'slow', 3 * MINUTE)).toBeGreaterThan(0.2);
  });
});

describe('a region that fails every other request, for ten minutes (F-27)', () => {
  const regions = [
    { id: 'a' },
    { id: 'b' },
    { id: 'flapping', weather: always({ kind: 'flapping', share: 0.5 }) },
  ];

  test.each<[RoutingStrategy, number]>([
    ['latency', 0.1],
    ['round-robin', 0.1],
    ['weighted', 0.1],
  ])('%s: it does not swing back and forth', async (strategy, most) => {
    for (const seed of [1, 2]) {
      const health = endpointHealth();
      const simulation = { seed, durationMs: 10 * MINUTE, callsPerSecond: 3 };
      const result = await route(regions, { strategy }, simulation, health);
      const [a, b, flapping] = health.list(result.clock);
      // 30 + 60 + 90 + 120 + 150 s is more than seven minutes: each return takes longer than the one before.
      expect(flapping?.ejections).toBeLessThanOrEqual(6);
      expect([a?.ejections, b?.ejections]).toEqual([0, 0]);
      expect(shareOf(result, 'flapping', MINUTE)).toBeLessThan(most);
      expect(answeredShare(result)).toBeGreaterThan(0.95);
    }
  });

  test('and no more than half of the regions are ever out, even if all flap', async () => {
    const health = endpointHealth();
    const all = ['a', 'b', 'c'].map((id) => ({ id, weather: always({ kind: 'flapping', share: 0.5 }) }));
    const result = await route(all, {}, { seed: 5, durationMs: 10 * MINUTE, callsPerSecond: 5 }, health);
    expect(result.outcomes.every((outcome) => endpointsOf(outcome).length === 1)).toBe(true);
    expect(health.list(result.clock).filter(({ available }) => !available).length).toBeLessThanOrEqual(1);
    expect(answeredShare(result)).toBeGreaterThan(0.45);
  });
});

describe('a region that is down for a minute', () => {
  test.each<RoutingStrategy>(['latency', 'round-robin'])(
    '%s: it is back within one ejection, and gets its share again',
    async (strategy) => {
      for (const seed of [1, 2]) {
        const health = endpointHealth();
        const result = await route(
          [{ id: 'a' }, { id: 'b' }, { id: 'down', weather: downUntil(MINUTE) }],
          { strategy },
          { seed, durationMs: 5 * MINUTE, callsPerSecond: 5 },
          health,
        );
        const ejections = health.list(result.clock)[2]?.ejections ?? 0;
        const probeMs = 1.1 * 30_000 * Math.max(1, ejections);
        const back = result.sends.find(({ region, atMs }) => region === 'down' && atMs >= MINUTE);
        expect((back?.atMs ?? Infinity) - MINUTE).toBeLessThanOrEqual(probeMs);
        expect(shareOf(result, 'down', 3 * MINUTE)).toBeGreaterThan(0.2);
        const failed = result.outcomes.filter(({ kind }) => kind !== 'completed').length;
        expect(failed).toBeLessThanOrEqual(15);
      }
    },
  );
});

test('one slow, one flapping, one down: what is well carries the calls, and a run can be repeated', async () => {
  const regions: SimulatedRegion[] = [
    { id: 'slow', weather: always({ kind: 'slow', factor: 10 }) },
    { id: 'flapping', weather: always({ kind: 'flapping', share: 0.5 }) },
    { id: 'down', weather: downUntil(MINUTE) },
    { id: 'well' },
  ];
  const run = (): Promise<SimulationResult> =>
    route(regions, {}, { seed: 11, durationMs: 5 * MINUTE, callsPerSecond: 5 });
  const result = await run();
  expect(shareOf(result, 'slow', after(20, result))).toBeLessThan(0.1);
  expect(shareOf(result, 'flapping', after(20, result))).toBeLessThan(0.15);
  expect(answeredShare(result)).toBeGreaterThan(0.95);
  expect((await run()).sends).toEqual(result.sends);
});

test.each([
  [1, true],
  [5, true],
  [5, false],
  [20, true],
])(
  'one slow, one flapping, one down, and nothing else, with retry: all are answered once the third is back (%d a second, streamed: %s)',
  async (callsPerSecond, streamed) => {
    const regions: SimulatedRegion[] = [
      { id: 'slow', weather: always({ kind: 'slow', factor: 10 }) },
      { id: 'flapping', weather: always({ kind: 'flapping', share: 0.5 }) },
      { id: 'down', weather: downUntil(MINUTE) },
    ];
    const endpoints = regions.map(({ id }) => ({ id, region: id, url: `https://${id}.test` }));
    for (const seed of [1, 2]) {
      const result = await simulate({
        regions,
        plugins: [retry(), regionRouting({ endpoints })],
        seed,
        durationMs: 4 * MINUTE,
        callsPerSecond,
        streamed,
      });
      const backAt =
        result.sends.find(({ region, atMs }) => region === 'down' && atMs >= MINUTE)?.atMs ?? Infinity;
      expect(backAt - MINUTE).toBeLessThanOrEqual(33_000);
      expect(answeredShare(result, backAt)).toBeGreaterThanOrEqual(0.999);
      // Until then a call a second does not earn as many retries as the flapping one costs.
      expect(answeredShare(result)).toBeGreaterThanOrEqual(callsPerSecond < 5 ? 0.95 : 0.999);
      expect(result.sends.length / result.outcomes.length).toBeLessThanOrEqual(1.2);
      // Until the third is back, the slow one is all there is.
      expect(shareOf(result, 'slow', 1.5 * MINUTE)).toBeLessThan(0.1);
    }
  },
);

test('a border is not crossed, whatever is down (F-28)', async () => {
  const result = await route(
    [{ id: 'eu', weather: always({ kind: 'down' }) }, { id: 'us' }, { id: 'jp' }],
    { allowedRegions: ['eu'] },
    { seed: 1, durationMs: MINUTE, callsPerSecond: 5 },
  );
  expect(new Set(result.sends.map(({ region }) => region))).toEqual(new Set(['eu']));
  expect(answeredShare(result)).toBe(0);
});
