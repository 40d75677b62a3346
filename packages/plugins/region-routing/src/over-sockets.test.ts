import {
  createPipeline,
  definePlugin,
  type Outcome,
  type Pipeline,
  type PipelineOptions,
  type Plugin,
  provide,
} from '@sluice/core';
import { type Behaviour, type FakeUpstream, fakeUpstream, tcpServer } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import {
  ENDPOINT_HEALTH,
  type EndpointHealth,
  endpointHealth,
  regionRouting,
  type RegionRoutingOptions,
} from './index.ts';

/** Stands in for `retry`, without its waits. */
const tries = (attempts: number): Plugin =>
  definePlugin({
    name: 'retry',
    create: () => ({
      async handle(request, next) {
        for (let left = attempts - 1; ; left--) {
          try {
            const response = await next(request);
            if (response.status < 400 || left === 0) return response;
          } catch (error) {
            if (left === 0) throw error;
          }
        }
      },
    }),
  })();

interface Stage extends AsyncDisposable {
  readonly upstreams: Readonly<Record<'eu' | 'us' | 'jp', FakeUpstream>>;
  readonly pipeline: Pipeline;
  readonly outcomes: readonly Outcome[];
  readonly health: EndpointHealth;
  post(stream: boolean): Promise<Response>;
}

/** Three regions behind real sockets. */
async function stage(
  attempts: number,
  options: Partial<RegionRoutingOptions> = {},
  others: Partial<PipelineOptions> = {},
): Promise<Stage> {
  const [eu, us, jp] = await Promise.all([
    fakeUpstream({ requireKey: true }),
    fakeUpstream({ requireKey: true }),
    fakeUpstream({ requireKey: true }),
  ]);
  const outcomes: Outcome[] = [];
  const health = endpointHealth();
  const recorder = definePlugin({
    name: 'recorder',
    create: () => ({
      handle: (request, next, ctx) => {
        ctx.onComplete((outcome) => void outcomes.push(outcome));
        return next(request);
      },
    }),
  });
  const endpoints = Object.entries({ eu, us, jp }).map(([id, { url }]) => ({
    id,
    region: id,
    url,
    credential: { header: 'x-api-key', value: `key-of-${id}` },
  }));
  const pipeline = createPipeline({
    upstream: 'https://nowhere.test',
    plugins: [recorder(), tries(attempts), regionRouting({ endpoints, strategy: 'priority', ...options })],
    services: [provide(ENDPOINT_HEALTH, () => health)],
    ...others,
  });
  return {
    upstreams: { eu, us, jp },
    pipeline,
    outcomes,
    health,
    post: (stream) =>
      pipeline.fetch('https://caller.test/v1/messages', {
        method: 'POST',
        headers: { authorization: 'Bearer key-of-the-caller' },
        body: JSON.stringify({
          model: 'any',
          max_tokens: 64,
          stream,
          messages: [{ role: 'user', content: 'Hi' }],
        }),
      }),
    async [Symbol.asyncDispose]() {
      await pipeline.close(0);
      await Promise.all([eu.close(), us.close(), jp.close()]);
    },
  };
}

test('each endpoint sees its own key and no other', async () => {
  await using on = await stage(1, { strategy: 'round-robin' });
  for (let i = 0; i < 6; i++) await (await on.post(i % 2 === 0)).text();
  for (const [id, { requests }] of Object.entries(on.upstreams)) {
    expect(requests).toHaveLength(2);
    for (const { headers } of requests) {
      expect(headers).toMatchObject({ 'x-api-key': `key-of-${id}` });
      expect(JSON.stringify(headers)).not.toContain('key-of-the-caller');
    }
  }
  expect(on.outcomes.map(({ kind }) => kind)).toEqual(Array.from({ length: 6 }, () => 'completed'));
});

test.each<[fault: string, behaviour: Behaviour]>([
  ['503', { kind: 'status', status: 503 }],
  ['529', { kind: 'status', status: 529, retryAfter: '5' }],
  ['429', { kind: 'status', status: 429, retryAfter: '5' }],
  ['a reset before the headers', { kind: 'reset-before-headers' }],
  ['bytes that are no HTTP', { kind: 'bad-framing', flaw: 'not-http' }],
])('%s in one region: the next attempt is made in another', async (_, behaviour) => {
  await using on = await stage(2);
  on.upstreams.eu.script(() => behaviour);
  for (const stream of [false, true]) {
    const response = await on.post(stream);
    await response.text();
    expect(response.status).toBe(200);
  }
  const [first, second] = on.outcomes;
  expect(first?.history.map(({ endpoint }) => endpoint?.id)).toEqual(['eu', 'us']);
  expect(second?.history.at(-1)?.endpoint?.id).toBe('us');
  expect(on.upstreams.jp.requests).toEqual([]);
});

test('a slow region, a flapping one and a well one: the well one gets the calls', async () => {
  await using on = await stage(3, { strategy: 'latency' });
  on.upstreams.eu.script(() => ({ kind: 'slow-headers', headersDelayMs: 1_000 }));
  on.upstreams.us.script((_, n) => (n % 2 === 0 ? { kind: 'status', status: 500 } : undefined));
  for (let i = 0; i < 60; i++) {
    const response = await on.post(i % 2 === 0);
    await response.text();
    expect(response.status).toBe(200);
  }
  expect(on.upstreams.eu.requests.length).toBeLessThan(6);
  const sent = Object.values(on.upstreams).reduce((sum, { requests }) => sum + requests.length, 0);
  expect(sent).toBeLessThanOrEqual(72);
});

test('403 stays where it is, with its bytes', async () => {
  const body = JSON.stringify({
    type: 'error',
    error: { type: 'forbidden', message: 'Request not allowed' },
  });
  await using on = await stage(1, { announce: true });
  on.upstreams.eu.script(() => ({ kind: 'status', status: 403, body }));
  const response = await on.post(false);
  expect(response.status).toBe(403);
  expect(response.headers.get('x-sluice-diagnosis')).toBe('region');
  expect(await response.text()).toBe(body);
  expect(on.upstreams.us.requests).toEqual([]);
});

test('a region that is gone (F-01), one without a name (F-03), one that speaks no TLS (F-04): another answers', async () => {
  await using on = await stage(4);
  const gone = await fakeUpstream();
  await gone.close();
  await using plain = await tcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.end('HTTP/1.1 200 OK\r\n\r\n');
  });
  const [well] = Object.values(on.upstreams);
  const places = [gone.url, 'https://name.invalid', `https://127.0.0.1:${plain.port}`, well?.url ?? ''];
  const endpoints = places.map((url, i) => ({
    id: `e${i}`,
    region: 'r',
    url,
    credential: { bearer: 'own' },
  }));
  const outcomes: Outcome[] = [];
  const recorder = definePlugin({
    name: 'recorder',
    create: () => ({
      handle: (request, next, ctx) => {
        ctx.onComplete((outcome) => void outcomes.push(outcome));
        return next(request);
      },
    }),
  });
  const health = endpointHealth();
  await using pipeline = createPipeline({
    upstream: 'https://nowhere.test',
    plugins: [recorder(), tries(4), regionRouting({ endpoints, strategy: 'priority' })],
    services: [provide(ENDPOINT_HEALTH, () => health)],
  });
  const body = JSON.stringify({ model: 'any', max_tokens: 1, messages: [{ role: 'user', content: 'Hi' }] });
  const init = { method: 'POST', body };
  for (let i = 0; i < 6; i++) {
    const response = await pipeline.fetch('https://caller.test/v1/messages', init);
    await response.text();
    expect(response.status).toBe(200);
  }
  expect(outcomes[0]?.history.map(({ endpoint }) => endpoint?.id)).toEqual(['e0', 'e1', 'e2', 'e3']);
  // Two of four may be out at once, and these are.
  expect(health.list(pipeline.clock).filter(({ ejections }) => ejections > 0)).toHaveLength(2);
  expect(outcomes.at(-1)?.history.length).toBeLessThan(4);
});
