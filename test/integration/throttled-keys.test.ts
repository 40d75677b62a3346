import { createPipeline, definePlugin, type Outcome, type Pipeline, type Plugin } from '@sluice/core';
import { type Behaviour, type FakeUpstream, fakeUpstream } from '@sluice/core/testing';
import { credentials, type CredentialsOptions } from '@sluice/credentials';
import { regionRouting } from '@sluice/region-routing';
import { retry, type RetryOptions } from '@sluice/retry';
import { standardPipeline } from '@sluice/standard';
import { describe, expect, it } from 'vitest';

const CALLS = 8;
/** Shorter than the rest of a key that was told nothing: who comes back finds it resting. */
const RETRY: RetryOptions = { throttledDelayMs: 50, maxRetries: 2 };

const keysOf = (count: number): CredentialsOptions => ({
  keys: Array.from({ length: count }, (_, i) => ({ id: `key-${i}`, load: () => `sk-operators-key-${i}` })),
  coolMs: 300,
  onEvent: () => undefined,
});

type Make = (url: string, witness: Plugin, keys: number) => Pipeline;

const PIPELINES: readonly (readonly [string, Make])[] = [
  [
    'retry and credentials',
    (upstream, witness, keys) =>
      createPipeline({ upstream, plugins: [witness, retry(RETRY), credentials(keysOf(keys))] }),
  ],
  [
    'retry, routing and credentials',
    (upstream, witness, keys) =>
      createPipeline({
        upstream,
        plugins: [
          witness,
          retry(RETRY),
          regionRouting({ endpoints: [{ id: 'one', region: 'eu', url: upstream }] }),
          credentials(keysOf(keys)),
        ],
      }),
  ],
  [
    'the standard pipeline',
    (upstream, witness, keys) =>
      standardPipeline({
        upstream,
        audit: false,
        retry: RETRY,
        credentials: keysOf(keys),
        arrange: (plugins) => [witness, ...plugins],
      }),
  ],
];

const THROTTLES: readonly (readonly [string, Behaviour])[] = [
  ['with a wait', { kind: 'status', status: 429, retryAfterMs: '150' }],
  ['without a word', { kind: 'status', status: 429 }],
];

/** What becomes of calls that come together, at an upstream that turns away all that comes in its first moment. */
async function calls(make: Make, keys: number, throttle: Behaviour) {
  await using upstream: FakeUpstream = await fakeUpstream();
  let firstAt: number | undefined;
  upstream.script(() => {
    firstAt ??= performance.now();
    return performance.now() - firstAt < 100 ? throttle : undefined;
  });
  const outcomes: Outcome[] = [];
  const witness = definePlugin({
    name: 'witness',
    create: () => ({
      handle: (request, next, ctx) => {
        ctx.onComplete((outcome) => void outcomes.push(outcome));
        return next(request);
      },
    }),
  });
  const pipeline = make(upstream.url, witness(), keys);
  await pipeline.start();
  const statuses = await Promise.all(
    Array.from({ length: CALLS }, async (_, i) => {
      const response = await pipeline.fetch('https://caller.test/v1/messages', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'claude-haiku-4-5',
          max_tokens: 9,
          messages: [{ role: 'user', content: `call ${i}` }],
        }),
      });
      await response.text();
      return response.status;
    }),
  );
  await pipeline.close(1_000);
  return { statuses, outcomes, requests: upstream.requests.length };
}

describe.each(PIPELINES)('with %s', (_, make) => {
  describe.each([1, 2])('and %i of the operator’s keys', (keys) => {
    it.each(THROTTLES)('calls that are throttled %s are answered all the same', async (__, throttle) => {
      const { statuses, outcomes, requests } = await calls(make, keys, throttle);
      expect(statuses).toEqual(Array.from({ length: CALLS }, () => 200));
      expect(outcomes).toHaveLength(CALLS);
      for (const { attempts } of outcomes) expect(attempts).toBeLessThanOrEqual(3);
      expect(requests).toBeGreaterThan(CALLS);
    });
  });
});
