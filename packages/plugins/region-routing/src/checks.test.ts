import { provide, type Transport, TRANSPORT } from '@sluice/core';
import { anthropicMessage, testPipeline, type TestPipeline } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import { ENDPOINT_HEALTH, type EndpointHealth, endpointHealth, regionRouting } from './index.ts';

interface Checked {
  readonly pipe: TestPipeline;
  readonly health: EndpointHealth;
  readonly checks: {
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly atMs: number;
  }[];
  answer: (host: string) => Response | Error | Promise<Response>;
}

/** Two endpoints of which the first gets all calls. */
function checked(): Checked {
  const health = endpointHealth();
  const checks: Checked['checks'][number][] = [];
  const transport: Transport = {
    send: async ({ url, method, headers, signal }) => {
      if (method !== 'GET')
        return new Response(anthropicMessage(), { headers: { 'content-type': 'application/json' } });
      checks.push({ url, headers, atMs: pipe.clock.now() });
      const aborted = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
      const given = await Promise.race([parts.answer(new URL(url).hostname), aborted]);
      if (given instanceof Error) throw given;
      return given;
    },
  };
  const pipe = testPipeline({
    plugins: [
      regionRouting({
        endpoints: [
          { id: 'busy', region: 'a', url: 'https://busy.test' },
          {
            id: 'idle',
            region: 'b',
            url: 'https://idle.test/base',
            priority: 1,
            credential: { bearer: 'own' },
          },
        ],
        checks: { intervalMs: 10_000, timeoutMs: 2_000 },
      }),
    ],
    services: [provide(ENDPOINT_HEALTH, () => health), provide(TRANSPORT, () => transport)],
  });
  const parts: Checked = { pipe, health, checks, answer: () => new Response('{}') };
  return parts;
}

test('only endpoints that traffic tells nothing of are asked, for what costs nothing', async () => {
  const { pipe, checks } = checked();
  await using _ = pipe;
  await pipe.pipeline.start();
  for (let second = 0; second < 60; second++) {
    await (await pipe.post()).text();
    await pipe.clock.advance(1_000);
  }
  expect(new Set(checks.map(({ url }) => url))).toEqual(new Set(['https://idle.test/base/v1/models']));
  expect(checks[0]?.headers).toMatchObject({ authorization: 'Bearer own' });
  expect(checks.length).toBeGreaterThanOrEqual(4);
  expect(checks.length).toBeLessThanOrEqual(8);
  // Jittered: not on the beat.
  expect(new Set(checks.map(({ atMs }) => Math.round(atMs) % 1_000)).size).toBeGreaterThan(2);
});

test.each<[string, Checked['answer']]>([
  ['503', () => new Response('', { status: 503 })],
  ['no connection', () => new Error('refused')],
  ['silence', () => new Promise(() => undefined)],
])(
  'an endpoint that fails them (%s) is ejected before anybody needs it, and back once one passes',
  async (_, answer) => {
    const parts = checked();
    const { pipe, health } = parts;
    await using __ = pipe;
    parts.answer = (host) => (host === 'idle.test' ? answer(host) : new Response('{}'));
    await pipe.pipeline.start();
    const idle = () => health.list(pipe.clock)[1];
    for (let second = 0; second < 120 && idle()?.available !== false; second++) {
      await (await pipe.post()).text();
      await pipe.clock.advance(1_000);
    }
    expect(idle()).toMatchObject({ available: false, ejections: 1, inFlight: 0 });
    parts.answer = () => new Response('', { status: 401 });
    await pipe.clock.advance(14_000);
    expect(idle()).toMatchObject({ available: true });
  },
);

test('nothing is left of them when the pipeline closes', async () => {
  const parts = checked();
  parts.answer = () => new Promise(() => undefined);
  await parts.pipe.pipeline.start();
  await parts.pipe.clock.advance(13_000);
  expect(parts.checks.length).toBeGreaterThan(0);
  await parts.pipe.pipeline.close();
  await parts.pipe.clock.advance(60_000);
  expect(parts.pipe.clock.pendingTimers).toBe(0);
  expect(parts.checks.length).toBeLessThan(5);
});
