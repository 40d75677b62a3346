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
  type Transport,
} from '@sluice/core';
import {
  anthropicMessage,
  anthropicStream,
  errorBody,
  type FakeClock,
  fakeClock,
  fakeRandom,
  type ScriptedAnswer,
  streamAnswer,
} from '@sluice/core/testing';

/** How a region fares at a moment: well, or not. */
export type Weather =
  | { readonly kind: 'well' }
  /** Everything takes so many times longer. */
  | { readonly kind: 'slow'; readonly factor: number }
  /** This share of requests gets this status (default 500), the others an answer. */
  | { readonly kind: 'flapping'; readonly share: number; readonly status?: number }
  /** Connections are refused. */
  | { readonly kind: 'down' };

/** A regional upstream in virtual time. Its URL is `https://{id}.test`. */
export interface SimulatedRegion {
  readonly id: string;
  /** Its weather at a time since the start. Default: always well. */
  readonly weather?: (atMs: number) => Weather;
  /** From the request to the first content. Default: 500, give or take a fifth. */
  readonly firstContentMs?: number;
  /** From there to the end of the answer. Default: 2 000, give or take a fifth. */
  readonly restMs?: number;
}

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
  /** Every request that was sent, in order: where, and when since the start. */
  readonly sends: readonly { readonly region: string; readonly atMs: number }[];
  /** Stands at the end of the run. */
  readonly clock: FakeClock;
}

const WELL: Weather = { kind: 'well' };
/** How long an error takes. */
const ERROR_MS = 30;

/** Runs calls against simulated regions, the same each time for the same seed. All calls have ended when it resolves. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const { regions, seed, durationMs, callsPerSecond, streamed = true } = options;
  const clock = fakeClock();
  // Chance of its own for the upstreams: what plugins draw must not change the weather.
  const random = fakeRandom(seed);
  const outcomes: Outcome[] = [];
  const sends: { region: string; atMs: number }[] = [];
  const byHost = new Map(regions.map((region) => [`${region.id}.test`, region]));
  const transport: Transport = {
    async send(request, ctx) {
      const region = byHost.get(new URL(request.url).hostname);
      if (region === undefined) throw new Error(`there is no region at ${request.url}`);
      sends.push({ region: region.id, atMs: clock.now() });
      const answer = await answerOf(region, streamed, clock, random);
      const given = typeof answer === 'function' ? await answer(request, ctx) : answer;
      if (given instanceof Error) throw given;
      return given;
    },
  };
  const recorder = definePlugin({
    name: 'simulation-outcomes',
    create: () => ({
      handle: (request, next, ctx) => {
        ctx.onComplete((outcome) => void outcomes.push(outcome));
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
  return { outcomes, sends, clock };
}

/** The share of a region among the requests sent in a span of time. */
export function shareOf({ sends }: SimulationResult, region: string, fromMs = 0, toMs = Infinity): number {
  const sent = sends.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
  return sent.filter((one) => one.region === region).length / sent.length;
}

/** The share of calls that were answered. */
export function answeredShare({ outcomes }: SimulationResult): number {
  return outcomes.filter(({ kind }) => kind === 'completed').length / outcomes.length;
}

async function answerOf(
  region: SimulatedRegion,
  streamed: boolean,
  clock: FakeClock,
  random: { next(): number },
): Promise<ScriptedAnswer> {
  const weather = region.weather?.(clock.now()) ?? WELL;
  const vary = (ms: number): number => ms * (0.8 + 0.4 * random.next());
  const wait = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      clock.setTimeout(resolve, ms);
    });
  if (weather.kind === 'down') {
    await wait(1);
    return Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  }
  if (weather.kind === 'flapping' && random.next() < weather.share) {
    await wait(ERROR_MS);
    const { status = 500 } = weather;
    const headers = { 'content-type': 'application/json' };
    return new Response(errorBody('anthropic-messages', status), { status, headers });
  }
  const factor = weather.kind === 'slow' ? weather.factor : 1;
  const firstMs = vary(region.firstContentMs ?? 500) * factor;
  const restMs = vary(region.restMs ?? 2_000) * factor;
  if (!streamed) {
    await wait(firstMs + restMs);
    return new Response(anthropicMessage(), { headers: { 'content-type': 'application/json' } });
  }
  const events = anthropicStream({ text: 'One two three' });
  const later = async (ms: number, piece: string): Promise<string> => {
    await wait(ms);
    return piece;
  };
  function* pieces(): Generator<string | Promise<string>> {
    yield events[0] as string;
    yield later(firstMs, events.slice(1, 4).join(''));
    yield later(restMs, events.slice(4).join(''));
  }
  return streamAnswer(pieces());
}
