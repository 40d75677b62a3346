import {
  ALLOWED_REGIONS,
  type Clock,
  createPipeline,
  definePlugin,
  type Outcome,
  PipelineError,
  type Plugin,
  provide,
  RANDOM,
  CLOCK,
  TRANSPORT,
  type Transport,
} from '@sluice/core';
import { anthropicMessage, errorBody, fakeRandom } from '@sluice/core/testing';
import fc from 'fast-check';
import { test } from 'vitest';
import { ENDPOINT_HEALTH, endpointHealth, regionRouting, type RegionRoutingOptions } from './index.ts';

const REGIONS = ['eu', 'us', 'jp', 'cn'];
const JSON_TYPE = { 'content-type': 'application/json' };

const BODY = new Uint8Array(Buffer.from('{"model":"any","messages":[{"role":"user","content":"Hi"}]}'));

/** What may befall an attempt. */
const fault = fc.constantFrom(
  'none',
  'none',
  '500',
  '429',
  '529',
  '401',
  '403',
  'refused',
  'open',
  'cut',
  'leave',
);
type Fault = typeof fault extends fc.Arbitrary<infer T> ? T : never;

const schedule = fc.record({
  seed: fc.integer(),
  endpoints: fc.array(
    fc.record({
      region: fc.constantFrom(...REGIONS),
      priority: fc.nat(1),
      model: fc.boolean(),
      provider: fc.constantFrom('p', 'q'),
    }),
    { minLength: 1, maxLength: 5 },
  ),
  strategy: fc.constantFrom('latency', 'priority', 'weighted', 'round-robin'),
  affinity: fc.boolean(),
  byOption: fc.option(fc.uniqueArray(fc.constantFrom(...REGIONS), { minLength: 1, maxLength: 3 })),
  calls: fc.array(
    fc.record({
      byState: fc.option(fc.uniqueArray(fc.constantFrom(...REGIONS), { maxLength: 3 })),
      faults: fc.array(fault, { minLength: 1, maxLength: 4 }),
      hedged: fc.boolean(),
      laterMs: fc.constantFrom(0, 1, 1_500, 40_000),
    }),
    { minLength: 1, maxLength: 3 },
  ),
});

/** Attempts as retrying and hedging would make them, without their waits. */
const attempts = (hedged: () => boolean): Plugin =>
  definePlugin({
    name: 'retry',
    create: () => ({
      async handle(request, next, ctx) {
        if (hedged()) {
          const first = next(request);
          first.catch(() => undefined);
          await Promise.resolve();
          const otherThan = ctx.history.flatMap(({ endpoint }) => endpoint?.id ?? []);
          void next({ ...request, otherThan })
            .then((response) => response.text())
            .catch(() => undefined);
          return first;
        }
        for (let left = 2; ; left--) {
          try {
            const response = await next(request);
            if (response.status < 400 || left === 0) return response;
            await response.text();
          } catch (error) {
            if (left === 0 || request.signal.aborted) throw error;
          }
        }
      },
    }),
  })();

// Nothing is asserted by `expect` in here: a hundred thousand of them would take longer than all the rest.
test('no request ever goes to a region that its call may not be sent to (10,000 schedules of faults)', async () => {
  // Thousands of refusals, and nobody reads where they came from: half of the time would go into that.
  Error.stackTraceLimit = 0;
  await fc.assert(
    fc.asyncProperty(schedule, async ({ seed, endpoints, strategy, affinity, byOption, calls }) => {
      let now = 0;
      // No wait in here is ever waited for; the kit's clock would take a turn of the event loop with each step.
      const clock: Clock = {
        now: () => now,
        wallTime: () => now,
        setTimeout: () => undefined,
        clearTimeout: () => undefined,
      };
      const health = endpointHealth();
      const outcomes: Outcome[] = [];
      const sent: string[] = [];
      let faults: Fault[] = [];
      let byState: readonly string[] | null = null;
      let hedged = false;
      let caller = new AbortController();

      const transport: Transport = {
        async send({ url }) {
          sent.push(new URL(url).hostname.split('-')[0] ?? '');
          const befalls = faults.shift() ?? 'none';
          if (befalls === 'leave') caller.abort();
          if (befalls === 'leave' || befalls === 'refused') {
            throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
          }
          if (befalls === 'cut') return new Response('{"half":', { headers: JSON_TYPE });
          if (befalls === 'none' || befalls === 'open')
            return new Response(anthropicMessage(), { headers: JSON_TYPE });
          const status = Number(befalls);
          const headers = { ...JSON_TYPE, ...(status === 429 ? { 'retry-after': '2' } : {}) };
          return new Response(errorBody('anthropic-messages', status), { status, headers });
        },
      };
      const outer = definePlugin({
        name: 'identity',
        create: () => ({
          handle: (request, next, ctx) => {
            if (byState !== null) ctx.state.set(ALLOWED_REGIONS, byState);
            ctx.onComplete((outcome) => void outcomes.push(outcome));
            return next(request);
          },
        }),
      });
      const breaker = definePlugin({
        name: 'circuit-breaker',
        create: () => ({
          handle: (request, next) => {
            if (faults[0] !== 'open') return next(request);
            faults.shift();
            throw new PipelineError('circuit_open', { retryAfterMs: 2_000 });
          },
        }),
      });
      const placed = endpoints.map(({ model, ...endpoint }, i) => ({
        ...endpoint,
        id: `e${i}`,
        url: `https://${endpoint.region}-${i}.test`,
        ...(model ? { models: { any: `any-${i}` } } : {}),
      }));
      const options: RegionRoutingOptions = {
        endpoints: placed,
        strategy: strategy as never,
        affinity: affinity && strategy !== 'priority',
        ...(byOption === null ? {} : { allowedRegions: () => byOption }),
      };
      const pipeline = createPipeline({
        upstream: 'https://nowhere.test',
        plugins: [outer(), attempts(() => hedged), regionRouting(options), breaker()],
        services: [
          provide(CLOCK, () => clock),
          provide(RANDOM, () => fakeRandom(seed)),
          provide(TRANSPORT, () => transport),
          provide(ENDPOINT_HEALTH, () => health),
        ],
      });
      for (const call of calls) {
        sent.length = 0;
        faults = [...call.faults];
        ({ byState, hedged } = call);
        caller = new AbortController();
        await pipeline
          .handle({ method: 'POST', target: '/v1/messages', headers: {}, body: BODY, signal: caller.signal })
          .then((response) => response.text())
          .catch(() => undefined);
        for (let turn = 0; turn < 20; turn++) await Promise.resolve();

        const allowed = REGIONS.filter(
          (region) => call.byState?.includes(region) !== false && byOption?.includes(region) !== false,
        );
        if (!sent.every((region) => allowed.includes(region))) throw new Error(`sent to ${sent.join()}`);
        // And routing knew it by itself: core's check before each send had nothing to stop.
        const cause: unknown = outcomes.at(-1)?.cause;
        const stopped = PipelineError.is(cause) && cause.code === 'residency';
        if (stopped && cause.plugin !== 'region-routing') throw new Error('stopped by core');
        if (stopped && placed.some(({ region }) => allowed.includes(region)))
          throw new Error('stopped in vain');
        now += call.laterMs;
      }
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      if (outcomes.length !== calls.length) throw new Error(`${outcomes.length} outcomes`);
      if (health.list(clock).some(({ inFlight }) => inFlight !== 0)) throw new Error('still in flight');
      await pipeline.close();
    }),
    { numRuns: 10_000 },
  );
}, 120_000);
