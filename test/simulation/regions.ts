import {
  CLOCK,
  createPipeline,
  definePlugin,
  type Outcome,
  type Plugin,
  provide,
  type Provision,
  RANDOM,
  TRANSPORT,
} from '@sluice/core';
import { type FakeClock, fakeClock, fakeRandom } from '@sluice/core/testing';
import { regionalTransport, type SimulatedRegion } from './weather.ts';

/** A run in virtual time. */
export interface SimulationOptions {
  readonly regions: readonly SimulatedRegion[];
  /** Outermost first. */
  readonly plugins: readonly Plugin[];
  readonly services?: readonly Provision[];
  readonly seed: number;
  /** How long calls arrive. */
  readonly durationMs: number;
  /** Of a Poisson process. */
  readonly callsPerSecond: number;
  /** Default: true. */
  readonly streamed?: boolean;
}

/** What happened. */
export interface SimulationResult {
  /** Of every call, in the order of their ends. */
  readonly outcomes: readonly Outcome[];
  /** When each of them had begun, since the start. */
  readonly begunAt: readonly number[];
  /** Every request that was sent, in order: where, and when since the start. */
  readonly sends: readonly { readonly region: string; readonly atMs: number }[];
  /** Stands at the end of the run. */
  readonly clock: FakeClock;
}

/** Runs calls against simulated regions, the same each time for the same seed. All calls have ended when it resolves. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const { regions, seed, durationMs, callsPerSecond, streamed = true } = options;
  const clock = fakeClock();
  // Chance of its own for the upstreams: what plugins draw must not change the weather.
  const random = fakeRandom(seed);
  const outcomes: Outcome[] = [];
  const begunAt: number[] = [];
  const sends: { region: string; atMs: number }[] = [];
  const transport = regionalTransport({
    regions,
    clock,
    random,
    sent: (region) => void sends.push({ region, atMs: clock.now() }),
  });
  const recorder = definePlugin({
    name: 'simulation-outcomes',
    create: () => ({
      handle: (request, next, ctx) => {
        const atMs = clock.now();
        ctx.onComplete((outcome) => {
          outcomes.push(outcome);
          begunAt.push(atMs);
        });
        return next(request);
      },
    }),
  });
  const pipeline = createPipeline({
    upstream: 'https://nowhere.test',
    plugins: [recorder(), ...options.plugins],
    services: [
      provide(CLOCK, () => clock),
      provide(RANDOM, () => fakeRandom(seed + 1)),
      provide(TRANSPORT, () => transport),
      ...(options.services ?? []),
    ],
  });
  let begun = 0;
  const body = JSON.stringify({
    model: 'any',
    max_tokens: 64,
    stream: streamed,
    messages: [{ role: 'user', content: 'Hi' }],
  });
  const call = async (): Promise<void> => {
    const response = await pipeline.fetch('https://caller.test/v1/messages', { method: 'POST', body });
    // A stream that breaks off is an outcome like any other.
    await response.text().catch(() => '');
  };
  const arrive = (): void => {
    if (clock.now() > durationMs) return;
    begun++;
    void call();
    clock.setTimeout(arrive, (-Math.log(1 - random.next()) * 1_000) / callsPerSecond);
  };
  arrive();
  await clock.advance(durationMs);
  for (let minute = 0; minute < 60 && outcomes.length < begun; minute++) await clock.advance(60_000);
  await pipeline.close();
  return { outcomes, begunAt, sends, clock };
}

/** The share of a region among the requests sent in a span of time. */
export function shareOf({ sends }: SimulationResult, region: string, fromMs = 0, toMs = Infinity): number {
  const sent = sends.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
  return sent.filter((one) => one.region === region).length / sent.length;
}

/** The share of the calls begun since some time that were answered. */
export function answeredShare({ outcomes, begunAt }: SimulationResult, fromMs = 0): number {
  const since = outcomes.filter((_, i) => (begunAt[i] ?? 0) >= fromMs);
  return since.filter(({ kind }) => kind === 'completed').length / since.length;
}
