import { createPipeline, definePlugin, type Outcome } from '@sluice/core';
import { fakeUpstream } from '@sluice/core/testing';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { stackFor } from '../simulation/stack.ts';

/** More than ten times what the others take, on a busy machine too: with a factor of three it gets its fair part. */
const SLOW_MS = 1_000;

/**
 * The fault script of the simulations beside a region that is well, once over real sockets: counts and shares, no times.
 * By load alone the one that was down would come back only after its failures have faded, which takes longer than this
 * test. So its recovery is seen by calls that are bound to it.
 */
test.concurrent.each([true, false])(
  'one region slow, one flapping, one down for a while: calls are answered, and the one that was down is taken back (streamed: %s)',
  async (stream) => {
    const [slow, flapping, down, well] = await Promise.all([
      fakeUpstream(),
      fakeUpstream(),
      fakeUpstream(),
      fakeUpstream(),
    ]);
    const upstreams = { slow, flapping, down, well };
    const places = Object.entries(upstreams).map(([id, { url }]) => ({ id, url }));
    const { plugins, services, health, circuits } = stackFor(places, {
      routing: {
        ejection: { baseMs: 500, maxMs: 500 },
        allowedRegions: ({ headers }) => (headers['x-bound'] === undefined ? undefined : ['down']),
      },
      breaker: { openMs: 50, maxOpenMs: 50, consecutiveFailures: 2 },
    });
    const outcomes: Outcome[] = [];
    const recorder = definePlugin({
      name: 'recorder',
      create: () => ({
        handle(request, next, ctx) {
          ctx.onComplete((outcome) => void outcomes.push(outcome));
          return next(request);
        },
      }),
    });
    const pipeline = createPipeline({
      upstream: 'https://nowhere.test',
      plugins: [recorder(), ...plugins],
      services,
    });
    const body = JSON.stringify({
      model: 'any',
      max_tokens: 8,
      stream,
      messages: [{ role: 'user', content: 'Hi' }],
    });
    const call = async (headers: Record<string, string> = {}): Promise<boolean> => {
      const response = await pipeline.fetch('https://caller.test/v1/messages', {
        method: 'POST',
        headers,
        body,
      });
      const text = await response.text().catch(() => '');
      return (
        response.status === 200 &&
        text.includes(stream ? 'message_stop' : 'You said') &&
        !text.includes('"error"')
      );
    };
    const calls = async (count: number): Promise<number> => {
      let answered = 0;
      for (let i = 0; i < count; i += 4) {
        for (const ok of await Promise.all([call(), call(), call(), call()])) if (ok) answered++;
      }
      return answered;
    };
    const sent = (): number[] => Object.values(upstreams).map(({ requests }) => requests.length);
    try {
      // A gateway that has just started takes each endpoint for one that needs a second.
      const before = await calls(40);
      slow.script(() => ({ kind: 'slow-headers', headersDelayMs: SLOW_MS }));
      // Two and two, so that concurrent calls meet both.
      flapping.script((_, n) => (n % 4 < 2 ? { kind: 'status', status: 500 } : undefined));
      down.script(() => ({ kind: 'reset-before-headers' }));
      const inStormAlready = await calls(20);
      const [slowBefore = 0, ...others] = sent();
      const inStorm = inStormAlready + (await calls(140));
      const [slowAfter = 0, ...othersAfter] = sent();
      const total = (counts: readonly number[]): number => counts.reduce((sum, one) => sum + one, 0);
      const toSlow = slowAfter - slowBefore;
      expect(toSlow).toBeLessThan(0.1 * (toSlow + total(othersAfter) - total(others)));

      // Who is bound to the one that is down gets an error, and its circuit opens.
      const bound = { 'x-bound': 'yes' };
      for (let i = 0; i < 4; i++) expect(await call(bound)).toBe(false);
      const stateOfDown = (): string | undefined =>
        circuits()
          .list()
          .find(({ endpoint }) => endpoint === 'down')?.state;
      expect(stateOfDown()).not.toBe('closed');

      down.script(() => undefined);
      let probing = 0;
      for (; stateOfDown() !== 'closed' && probing < 50; probing++) {
        await sleep(20);
        await call(bound);
      }
      expect(stateOfDown()).toBe('closed');
      expect(await call(bound)).toBe(true);
      const inFineWeather = await calls(40);

      const all = total(sent());
      expect([before, inStorm, inFineWeather]).toEqual([40, 160, 40]);
      expect(outcomes).toHaveLength(245 + probing);
      // One on a connection that was closed meanwhile is sent anew, and not counted.
      expect(all).toBeGreaterThanOrEqual(outcomes.reduce((sum, { attempts }) => sum + attempts, 0));
      expect(all).toBeLessThanOrEqual(1.2 * outcomes.length);
      for (const { inFlight } of health.list(pipeline.clock)) expect(inFlight).toBe(0);
      for (const { counts } of circuits().list()) expect(counts.probes).toBe(0);
    } finally {
      await pipeline.close(0);
      await Promise.all(Object.values(upstreams).map((upstream) => upstream.close()));
    }
  },
  20_000,
);
