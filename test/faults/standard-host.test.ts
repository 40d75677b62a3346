import { createPipeline, definePlugin, hotSwap, type Middleware, observeStream } from '@sluice/core';
import { standardPipeline } from '@sluice/standard';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { countedClock } from '../support/counted-clock.ts';
import { gatedUpstream } from '../support/gated-upstream.ts';
import { FETCH, MOUNTS } from '../support/mounts.ts';
import { thrownBy } from '../support/thrown-by.ts';
import { expectEnding } from './expect-ending.ts';
import { ANSWERED } from './fault.ts';
import { nothingIsLeft } from './nothing-is-left.ts';
import { type See, seeByFetch, type Seen, seeBySocket } from './see.ts';
import { type WholeStage, wholeStage } from './whole-stage.ts';

const NODE = MOUNTS.find(({ name }) => name === 'node:http') ?? expect.fail('no mount for node:http');
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

const uncaught = nothingIsLeft();
afterEach(() => {
  expect(uncaught).toEqual([]);
});

let asked = 0;
/** Asks what nobody has asked before. */
function ask(stage: WholeStage, stream: boolean, see: See = seeBySocket): Promise<Seen> {
  const messages = [{ role: 'user', content: `Question ${++asked}, of somebody who wants to know.` }];
  return see(stage, { model: 'm', max_tokens: 1024, stream, messages }, stage.keys.acme);
}

describe('F-46: a plugin of the host', () => {
  const crash = (): never => {
    throw new Error('boom sk-of-the-host');
  };
  const CRASHES: readonly (readonly [string, Middleware, 'fails' | 'goes on'])[] = [
    ['that throws', crash, 'fails'],
    ['that rejects', () => Promise.reject(new Error('boom sk-of-the-host')), 'fails'],
    ['that returns nothing', (() => undefined) as unknown as Middleware, 'fails'],
    ['that throws when it has the answer', (request, next) => next(request).then(crash), 'fails'],
    [
      'that throws when it is told of the end',
      (request, next, ctx) => {
        ctx.onComplete(crash);
        return next(request);
      },
      'goes on',
    ],
    [
      'that rejects when it is told of the end',
      (request, next, ctx) => {
        ctx.onComplete(() => Promise.reject(new Error('boom sk-of-the-host')));
        return next(request);
      },
      'goes on',
    ],
  ];
  describe.each(CRASHES)('%s', (_, handle, then) => {
    test.each([true, false])('is the end of that call at most (streamed: %s)', async (stream) => {
      let crashes = true;
      const host = definePlugin({
        name: 'host',
        create: () => ({
          handle: (request, next, ctx) => (crashes ? handle(request, next, ctx) : next(request)),
        }),
      });
      await using stage = await wholeStage(NODE, {
        arrange: (plugins) => plugins.flatMap((one) => (one.name === 'cache' ? [host(), one] : [one])),
      });
      const seen = await ask(stage, stream);
      expect(seen.status).toBe(then === 'fails' ? 500 : 200);
      expect(seen.body).not.toContain('boom');
      expect(seen.body).not.toContain('sk-of-the-host');
      if (then === 'goes on') expectEnding(seen, ANSWERED, stream);
      crashes = false;
      expectEnding(await ask(stage, stream), ANSWERED, stream);
      await stage.expectInOrder(2);
      expect(stage.outcomes.map(({ kind }) => kind)).toEqual([
        then === 'fails' ? 'refused' : 'completed',
        'completed',
      ]);
    });
  });

  test('that only looks at a stream, and throws, costs the caller nothing', async () => {
    const host = definePlugin({
      name: 'host',
      create: () => ({
        handle: async (request, next) => observeStream(await next(request), { event: () => crash() }),
      }),
    });
    await using stage = await wholeStage(NODE, {
      arrange: (plugins) => plugins.flatMap((one) => (one.name === 'cache' ? [host(), one] : [one])),
    });
    expectEnding(await ask(stage, true), ANSWERED, true);
    await stage.expectInOrder(1);
  });
});

test.each([-HOUR_MS, HOUR_MS])(
  'F-43: a wall clock that jumps by %i ms in the middle of calls changes no duration and loses no record',
  async (jumpMs) => {
    const steady = countedClock();
    // As if it were noon: a jump into another day begins its quota anew, and nothing would be there to be compared.
    let offset = DAY_MS / 2 - (steady.wallTime() % DAY_MS);
    const jumping = Object.create(steady, {
      wallTime: { value: () => steady.wallTime() + offset },
    }) as typeof steady;
    await using stage = await wholeStage(NODE, { clock: jumping });
    for (const stream of [true, false]) {
      stage.eu.script(() => {
        offset += jumpMs;
        return undefined;
      });
      expectEnding(await ask(stage, stream), ANSWERED, stream);
    }
    for (const { durationMs } of stage.outcomes) {
      expect(durationMs).toBeGreaterThanOrEqual(0);
      expect(durationMs).toBeLessThan(10_000);
    }
    await stage.expectInOrder(2);
  },
);

test.each([true, false])(
  'F-47: a host that blocks the event loop for a second opens no circuit and tries nothing twice (streamed: %s)',
  async (stream) => {
    const timeouts = { firstEventMs: 300, idleMs: 300 };
    await using stage = await wholeStage(NODE, { timeouts, circuitBreaker: { consecutiveFailures: 1 } });
    stage.eu.reply({ kind: 'slow-headers', headersDelayMs: 50 });
    const arrived = stage.eu.request(1);
    const answer = ask(stage, stream);
    await arrived;
    const until = performance.now() + 1_000;
    while (performance.now() < until);
    expectEnding(await answer, ANSWERED, stream);
    expect(stage.outcomes).toMatchObject([{ kind: 'completed', attempts: 1 }]);
    await stage.expectInOrder(1);
  },
);

test('F-49: a burst is answered to the last call, with an answer or with a refusal that says when to come back', async () => {
  const CALLS = 600;
  const PLACES = 40;
  await using upstream = await gatedUpstream();
  await using stage = await wholeStage(NODE, {
    maxConcurrentCalls: PLACES,
    endpoints: [{ id: 'eu', region: 'eu', url: upstream.url }],
  });
  let refusals = 0;
  const burst = Array.from({ length: CALLS }, async () => {
    const seen = await ask(stage, true);
    if (seen.status !== 503) return expectEnding(seen, ANSWERED, true);
    refusals++;
    expect(seen.headers['retry-after']).toBe('1');
    expect(JSON.parse(seen.body)).toMatchObject({ type: 'error' });
  });
  // Those that have a place keep it until all others have been told.
  await vi.waitFor(() => expect([upstream.live, refusals]).toEqual([PLACES, CALLS - PLACES]), 20_000);
  upstream.release('Question');
  await Promise.all(burst);
  // What was not let in is not yet a call.
  await stage.expectInOrder(PLACES);
});

test('F-52: a pipeline that is wrong does not replace the one that runs, and calls go on', async () => {
  await using stage = await wholeStage(FETCH);
  const swappable = hotSwap(stage.pipeline);
  stage.eu.reply({ kind: 'slow-headers', headersDelayMs: 100 });
  const inFlight = ask({ ...stage, fetch: swappable.fetch }, true, seeByFetch);
  await stage.eu.request(1);

  expect(() => standardPipeline({ upstream: stage.eu.url, cache: { ttlMs: -1 } })).toThrow(TypeError);
  const fails = definePlugin({
    name: 'fails',
    create: () => ({
      start: () => Promise.reject(new Error('no such file')),
      handle: (request, next) => next(request),
    }),
  });
  const next = createPipeline({ upstream: stage.eu.url, plugins: [fails()] });
  expect(await thrownBy(swappable.swap(next))).toMatchObject({ message: 'no such file' });
  await next.close();

  expectEnding(await inFlight, ANSWERED, true);
  expectEnding(await ask({ ...stage, fetch: swappable.fetch }, false, seeByFetch), ANSWERED, false);
  await stage.expectInOrder(2);
});
