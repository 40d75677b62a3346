import {
  ALLOWED_REGIONS,
  CLOCK,
  type Clock,
  createPipeline,
  definePlugin,
  type Outcome,
  provide,
  RANDOM,
  TRANSPORT,
} from '@sluice/core';
import { type FakeClock, fakeClock, fakeRandom } from '@sluice/core/testing';
import { type Stack, stackFor, type StackOptions } from './stack.ts';
import { ANSWER, regionalTransport, type Weather } from './weather.ts';

/** One seeded run: some regions whose weather changes at random, some calls, and then fine weather. */
export interface Storm {
  readonly stack: Stack;
  readonly settings: Required<Pick<StormSettings, 'maxRetries' | 'budgetRatio' | 'budgetReserve' | 'probes'>>;
  readonly calls: readonly StormCall[];
  /** Most probes that any circuit had at a time. */
  readonly mostProbes: number;
  readonly clock: FakeClock;
  /** Timers of the pipeline that are still set. */
  readonly pendingTimers: number;
}

/** One call of a {@link Storm}. */
export interface StormCall {
  /** Undefined: all. */
  readonly allowed: readonly string[] | undefined;
  /** Where it was sent, in order. */
  readonly sends: string[];
  readonly outcomes: Outcome[];
  /** Whether the caller left before its end. */
  left: boolean;
  /** What the caller got; undefined: an error in place of a response, or of its end. */
  answer: { readonly status: number; readonly text: string } | undefined;
  settled: boolean;
}

interface StormSettings {
  readonly maxRetries: number;
  readonly budgetRatio: number;
  readonly budgetReserve: number;
  readonly probes: number;
}

const REGIONS = ['a', 'b', 'c'] as const;
/** Enough for whatever waits: the longest open time and ejection, with their jitter. */
const OPEN_MS = { openMs: 1_000, maxOpenMs: 16_000, maxRetryAfterMs: 20_000 };
const EJECTION_MS = { baseMs: 5_000, maxMs: 20_000 };
const FINE_MS = 35_000;

/** Runs a storm to its end, the same each time for the same seed. */
export async function storm(seed: number, calls = 6): Promise<Storm> {
  const random = fakeRandom(seed);
  const pick = <T>(...these: readonly T[]): T => these[Math.floor(random.next() * these.length)] as T;
  const clock = fakeClock();
  const counted = counting(clock);
  const settings = {
    maxRetries: pick(1, 2, 2, 4),
    budgetRatio: pick(0, 0.2, 0.2, 1),
    budgetReserve: pick(0, 2, 10),
    probes: pick(1, 3),
  };
  const { maxRetries, budgetRatio, budgetReserve, probes } = settings;
  const hedge = random.next() < 0.5 ? { minSamples: 20, minDelayMs: 1, budgetRatio: 0.05 } : undefined;
  const options: StackOptions = {
    retry: { maxRetries, budgetRatio, budgetReserve, ...(hedge === undefined ? {} : { hedge }) },
    routing: { strategy: pick('latency', 'latency', 'round-robin', 'priority'), ejection: EJECTION_MS },
    breaker: { ...OPEN_MS, probes, minCalls: pick(3, 10), consecutiveFailures: pick(2, 5) },
  };

  const stormMs = 60_000;
  // Hedging has to know usual times first, which takes more calls than all the rest.
  const warm = hedge !== undefined && random.next() < 0.1;
  let fine = warm;
  const weathers = new Map(REGIONS.map((id) => [id, schedule(pick, stormMs)]));
  const regions = REGIONS.map((id) => ({
    id,
    firstContentMs: pick(20, 200),
    restMs: pick(20, 1_000),
    weather: (atMs: number): Weather =>
      fine ? { kind: 'well' } : (weathers.get(id)?.(atMs) ?? { kind: 'well' }),
  }));
  const made: StormCall[] = [];
  const stack = stackFor(regions, options);
  const pipeline = createPipeline({
    upstream: 'https://nowhere.test',
    plugins: [host(made), ...stack.plugins],
    services: [
      provide(CLOCK, () => counted),
      provide(RANDOM, () => fakeRandom(seed + 1)),
      provide(TRANSPORT, () =>
        regionalTransport({
          regions,
          clock,
          random,
          sent: (region, { headers }) => void made[Number(headers['x-call'])]?.sends.push(region),
        }),
      ),
      ...stack.services,
    ],
  });

  let mostProbes = 0;
  const call = async (
    allowed: readonly string[] | undefined,
    leavesAfterMs: number | undefined,
    streamed = random.next() < 0.5,
  ): Promise<void> => {
    const one: StormCall = {
      allowed,
      sends: [],
      outcomes: [],
      left: false,
      answer: undefined,
      settled: false,
    };
    const index = made.push(one) - 1;
    const controller = new AbortController();
    if (leavesAfterMs !== undefined) {
      clock.setTimeout(() => {
        one.left = !one.settled;
        controller.abort();
      }, leavesAfterMs);
    }
    try {
      const response = await pipeline.fetch('https://caller.test/v1/messages', {
        method: 'POST',
        headers: { 'x-call': `${index}` },
        body: streamed ? STREAMED : WHOLE,
        signal: controller.signal,
      });
      one.answer = { status: response.status, text: await response.text() };
    } catch {
      // A stream that breaks off, or a caller who has left.
    }
    one.settled = true;
  };

  const allowedOf = (): readonly string[] | undefined =>
    pick(undefined, undefined, ['a'], ['b', 'c'], ['a', 'c'], ['nowhere']);
  if (warm) {
    for (let i = 0; i < 22; i++) void call(undefined, undefined, true);
    await until(clock, made);
    fine = false;
  }
  // In bursts, so that calls are in progress together.
  for (let left = calls; left > 0;) {
    for (let burst = pick(1, 1, 3, 6); burst > 0 && left > 0; burst--, left--) {
      const leaves = random.next() < 0.2 ? pick(0, 10, 300, 3_000) : undefined;
      void call(allowedOf(), leaves);
    }
    await clock.advance(pick(5, 500, 4_000, 15_000));
    for (const { counts } of stack.circuits().list()) mostProbes = Math.max(mostProbes, counts.probes);
  }
  await until(clock, made);

  fine = true;
  // Traffic is what finds out, so there has to be some for each endpoint; a refusal asks for no more than to wait.
  for (let round = 0; round < 2; round++) {
    await clock.advance(FINE_MS);
    for (const id of REGIONS) void call([id], undefined);
    await until(clock, made);
  }
  await clock.advance(EJECTION_MS.maxMs);
  const { pendingTimers } = counted;
  await pipeline.close();
  return { stack, settings, calls: made, mostProbes, clock, pendingTimers };
}

/** Whether the caller has the whole answer. */
export function isWhole({ answer }: StormCall): boolean {
  return answer?.status === 200 && answer.text.includes(ANSWER.slice(-5)) && !answer.text.includes('"error"');
}

const WHOLE = JSON.stringify({ model: 'any', max_tokens: 64, messages: [{ role: 'user', content: 'Hi' }] });
const STREAMED = WHOLE.replace('{', '{"stream":true,');

/** The app around the pipeline: says where a call may go, and notes how it ended. */
function host(calls: readonly StormCall[]) {
  return definePlugin({
    name: 'host',
    create: () => ({
      handle(request, next, ctx) {
        const call = calls[Number(request.headers['x-call'])] as StormCall;
        if (call.allowed !== undefined) ctx.state.set(ALLOWED_REGIONS, call.allowed);
        ctx.onComplete((outcome) => void call.outcomes.push(outcome));
        return next(request);
      },
    }),
  })();
}

/** Weather that changes at random moments. */
function schedule(pick: <T>(...these: readonly T[]) => T, forMs: number): (atMs: number) => Weather {
  const spells: { readonly fromMs: number; readonly weather: Weather }[] = [];
  for (let fromMs = 0; fromMs < forMs; fromMs += pick(1_000, 5_000, 30_000)) {
    spells.push({
      fromMs,
      weather: pick<Weather>(
        { kind: 'well' },
        { kind: 'well' },
        { kind: 'slow', factor: 10 },
        { kind: 'flapping', share: 0.5 },
        { kind: 'flapping', share: 1, status: 529 },
        { kind: 'flapping', share: 0.7, status: 429, retryAfter: 2 },
        { kind: 'flapping', share: 0.5, status: 503, retryAfter: 30 },
        { kind: 'flapping', share: 0.5, status: 400 },
        { kind: 'cutting', share: 0.5 },
        { kind: 'silent' },
        { kind: 'down' },
        { kind: 'down' },
      ),
    });
  }
  return (atMs) => spells.findLast(({ fromMs }) => fromMs <= atMs)?.weather ?? { kind: 'well' };
}

/** Lets time pass until all calls are over; a call that never is shows as one. */
async function until(clock: FakeClock, calls: readonly StormCall[]): Promise<void> {
  for (let step = 0; step < 100 && calls.some(({ settled }) => !settled); step++) await clock.advance(10_000);
}

/** The pipeline's view of the clock: its own timers alone are counted, not those of the upstreams. */
function counting(clock: FakeClock): Clock & { readonly pendingTimers: number } {
  const pending = new Set<unknown>();
  return {
    now: () => clock.now(),
    wallTime: () => clock.wallTime(),
    setTimeout(callback, delayMs) {
      const timer = clock.setTimeout(() => {
        pending.delete(timer);
        callback();
      }, delayMs);
      pending.add(timer);
      return timer;
    },
    clearTimeout(timer) {
      pending.delete(timer);
      clock.clearTimeout(timer);
    },
    get pendingTimers() {
      return pending.size;
    },
  };
}
