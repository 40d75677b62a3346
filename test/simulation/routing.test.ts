import { regionRouting, type RegionRoutingOptions } from '@sluice/region-routing';
import { test } from 'vitest';
import { answeredShare, shareOf, simulate, type SimulatedRegion, type SimulationResult } from './regions.ts';

const run = (
  regions: readonly SimulatedRegion[],
  seed: number,
  durationMs: number,
  callsPerSecond: number,
  options: Partial<RegionRoutingOptions> = {},
): Promise<SimulationResult> =>
  simulate({
    regions,
    plugins: [
      regionRouting({
        endpoints: regions.map(({ id }) => ({ id, region: id, url: `https://${id}.test` })),
        ...options,
      }),
    ],
    seed,
    durationMs,
    callsPerSecond,
  });

test('explore', async () => {
  for (const cps of [0.1, 1, 5, 20]) {
    for (const kind of ['slow', 'flapping', 'down'] as const) {
      const t0 = performance.now();
      const weather =
        kind === 'slow' ? { kind, factor: 10 } : kind === 'flapping' ? { kind, share: 0.5 } : { kind };
      const result = await run(
        [{ id: 'a' }, { id: 'b' }, { id: 'c', weather: () => weather }],
        3,
        Math.min(600_000, 4000_000 / cps / 5),
        cps,
      );
      const at20 = result.sends[20]?.atMs ?? 0;
      console.log(
        cps,
        kind,
        'calls',
        result.outcomes.length,
        'share total',
        shareOf(result, 'c').toFixed(3),
        'first20',
        (result.sends.slice(0, 20).filter((s) => s.region === 'c').length / 20).toFixed(2),
        'after20',
        shareOf(result, 'c', at20).toFixed(3),
        'answered',
        answeredShare(result).toFixed(4),
        Math.round(performance.now() - t0),
        'ms',
      );
    }
  }
}, 120_000);
