import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  ALLOWED_REGIONS,
  ALTERNATIVES,
  type Context,
  createPipeline,
  definePlugin,
  hotSwap,
  KEYED,
  type Plugin,
  PipelineError,
  provide,
} from '@sluice/core';
import {
  anthropicMessage,
  anthropicStream,
  errorBody,
  errorEvent,
  type ScriptedAnswer,
  streamAnswer,
  type TestPipeline,
  testPipeline,
  type TestPipelineOptions,
} from '@sluice/core/testing';
import { describe, expect, test } from 'vitest';
import {
  ENDPOINT_HEALTH,
  type EndpointCredential,
  type EndpointHealth,
  endpointHealth,
  regionRouting,
  type RegionRoutingOptions,
} from './index.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const good = (): Response => new Response(anthropicMessage(), { headers: JSON_TYPE });
const bad = (status: number, headers: Record<string, string> = {}, message?: string): Response =>
  new Response(errorBody('anthropic-messages', status, message === undefined ? {} : { message }), {
    status,
    headers: { ...JSON_TYPE, ...headers },
  });
const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

const EU = { id: 'eu', region: 'eu', url: 'https://eu.test' };
const US = { id: 'us', region: 'us', url: 'https://us.test' };
const JP = { id: 'jp', region: 'jp', url: 'https://jp.test' };

/** What each host answers, however often it is asked. */
type Answers = Readonly<Record<string, ScriptedAnswer | (() => Response | Error)>>;

interface Setting extends Omit<TestPipelineOptions, 'plugins'> {
  readonly options?: Partial<RegionRoutingOptions>;
  readonly outside?: readonly Plugin[];
  readonly within?: readonly Plugin[];
  readonly health?: EndpointHealth;
}

function routed(answers: Answers, setting: Setting = {}): TestPipeline {
  const { options, outside = [], within = [], health = endpointHealth(), ...others } = setting;
  const answer: ScriptedAnswer = (request, ctx) => {
    const [host = ''] = new URL(request.url).hostname.split('.');
    const given = answers[host] ?? good;
    return typeof given === 'function' ? given(request, ctx) : given;
  };
  return testPipeline({
    answers: Array.from({ length: 500 }, () => answer),
    plugins: [
      ...outside,
      regionRouting({ endpoints: [EU, US, JP], strategy: 'priority', ...options }),
      ...within,
    ],
    services: [provide(ENDPOINT_HEALTH, () => health)],
    ...others,
  });
}

/** Stands in for `retry`: so many attempts, at once, whatever failed. */
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

/** Shows what the state holds behind routing, and may refuse as a circuit breaker does. */
const inside = (look: (ctx: Context, endpoint: string) => void): Plugin =>
  definePlugin({
    name: 'circuit-breaker',
    create: () => ({
      handle: (request, next, ctx) => {
        look(ctx, request.endpoint?.id ?? 'none');
        return next(request);
      },
    }),
  })();

const open = (retryAfterMs: number): PipelineError => new PipelineError('circuit_open', { retryAfterMs });

/** Where the calls went, in order. */
const went = ({ transport }: TestPipeline): string[] =>
  transport.requests.map(({ endpoint }) => endpoint?.id ?? 'none');

const causeOf = (error: unknown): unknown => (error instanceof Error ? error.cause : undefined);

async function posts(
  pipe: TestPipeline,
  count: number,
  fields: Record<string, unknown> = {},
): Promise<number[]> {
  const statuses: number[] = [];
  for (let i = 0; i < count; i++) {
    const response = await pipe.post(fields);
    await response.text();
    statuses.push(response.status);
  }
  return statuses;
}

test('reads as in the README', async () => {
  // #region use
  const pipeline = createPipeline({
    upstream: 'https://api.anthropic.com',
    plugins: [
      regionRouting({
        endpoints: [
          {
            id: 'first-party',
            region: 'us',
            url: 'https://api.anthropic.com',
            credential: { header: 'x-api-key', value: () => process.env['ANTHROPIC_API_KEY'] ?? '' },
          },
          {
            id: 'azure-sweden',
            region: 'eu',
            url: 'https://my-resource.services.ai.azure.com/anthropic',
            models: { 'claude-opus-5-5': 'opus-for-the-shop' },
            credential: { header: 'x-api-key', value: () => process.env['AZURE_API_KEY'] ?? '' },
            provider: 'azure',
          },
        ],
        allowedRegions: (request) => (request.headers['x-tenant'] === 'acme' ? ['eu'] : undefined),
      }),
    ],
  });
  // #endregion
  await pipeline.close();
});

test('shows what it has learnt as in the README', async () => {
  // #region health
  const health = endpointHealth();
  const pipeline = createPipeline({
    upstream: 'https://api.anthropic.com',
    plugins: [regionRouting({ endpoints: [{ id: 'eu', region: 'eu', url: 'https://eu.example.com' }] })],
    services: [provide(ENDPOINT_HEALTH, () => health)],
  });
  const [eu] = health.list(pipeline.clock); // { available: true, inFlight: 0, streamedMs: 1000, … }
  // #endregion
  expect(eu).toMatchObject({ available: true, inFlight: 0, streamedMs: 1_000 });
  await pipeline.close();
});

describe('an attempt', () => {
  test('goes to the endpoint, path and query behind its URL', async () => {
    await using pipe = routed({}, { options: { endpoints: [{ ...US, url: 'https://us.test/anthropic/' }] } });
    const response = await pipe.pipeline.fetch('https://caller.test/v1/messages?beta=true', {
      method: 'POST',
      body: '{"model":"any","messages":[]}',
    });
    expect(await response.text()).toBe(anthropicMessage());
    expect(pipe.transport.requests).toMatchObject([
      {
        url: 'https://us.test/anthropic/v1/messages?beta=true',
        endpoint: { id: 'us', region: 'us', decision: { reason: 'only', dropped: [] } },
      },
    ]);
    expect(pipe.outcomes).toMatchObject([{ kind: 'completed', history: [{ endpoint: { id: 'us' } }] }]);
  });

  test("does not carry the path of the pipeline's own upstream along", async () => {
    await using pipe = routed({}, { upstream: 'https://default.test/v9/base' });
    await posts(pipe, 1);
    expect(pipe.transport.requests).toMatchObject([{ url: 'https://eu.test/v1/messages' }]);
  });

  test('keeps the path when a plugin further out has chosen another origin', async () => {
    const elsewhere = definePlugin({
      name: 'elsewhere',
      create: () => ({
        handle: (request, next) => next({ ...request, url: 'https://else.test/v1/messages' }),
      }),
    });
    await using pipe = routed({}, { outside: [elsewhere()] });
    await posts(pipe, 1);
    expect(pipe.transport.requests).toMatchObject([{ url: 'https://eu.test/v1/messages' }]);
  });

  test("asks for the model by the endpoint's own name, and leaves every other byte as it is", async () => {
    const models = { opus: 'eu.opus-v1' };
    await using pipe = routed(
      {},
      {
        options: {
          endpoints: [
            { ...EU, models },
            { ...US, models: { opus: 'opus' } },
          ],
        },
      },
    );
    const body =
      '{ "big": 12345678901234567890, "model" : "opus", "messages":[{"role":"user","content":"model"}] }';
    const send = (): Promise<Response> =>
      pipe.pipeline.fetch('https://caller.test/v1/messages', { method: 'POST', body });
    await (await send()).text();
    const [request] = pipe.transport.requests;
    expect(Buffer.from(request?.body ?? []).toString()).toBe(body.replace('"opus"', '"eu.opus-v1"'));
  });

  test('carries the body itself where the name is the same', async () => {
    const models = { opus: 'opus' };
    let given: Uint8Array | null = null;
    const witness = definePlugin({
      name: 'witness',
      create: () => ({
        handle: (request, next) => {
          given = request.body;
          return next(request);
        },
      }),
    });
    await using pipe = routed({}, { options: { endpoints: [{ ...EU, models }] }, outside: [witness()] });
    await posts(pipe, 1, { model: 'opus' });
    expect(pipe.transport.requests[0]?.body).toBe(given);
  });
});

describe('credentials', () => {
  const sent = async (credential: RegionRoutingOptions['endpoints'][number]['credential']) => {
    const endpoint = credential === undefined ? EU : { ...EU, credential };
    await using pipe = routed({}, { options: { endpoints: [endpoint] } });
    const headers = { authorization: 'Bearer sk-caller', 'x-api-key': 'sk-caller', 'anthropic-beta': 'b' };
    await (await pipe.post({}, { headers })).text();
    expect(JSON.stringify(pipe.pipeline.describe())).not.toContain('sk-own');
    return pipe.transport.requests[0]?.headers ?? {};
  };

  test('of the caller go nowhere by default', async () => {
    const headers = await sent(undefined);
    expect(JSON.stringify(headers)).not.toContain('sk-caller');
    expect(headers).toMatchObject({ 'anthropic-beta': 'b' });
  });

  test('of the caller are handed on where the endpoint says so', async () => {
    expect(await sent('caller')).toMatchObject({
      authorization: 'Bearer sk-caller',
      'x-api-key': 'sk-caller',
    });
  });

  test.each([
    ['a header', { header: 'X-Api-Key', value: 'sk-own' }, { 'x-api-key': 'sk-own' }],
    ['a function', { header: 'api-key', value: () => 'sk-own' }, { 'api-key': 'sk-own' }],
    ['a promise', { bearer: () => Promise.resolve('sk-own') }, { authorization: 'Bearer sk-own' }],
    ['a bearer', { bearer: 'sk-own' }, { authorization: 'Bearer sk-own' }],
  ])('of the endpoint replace all others (%s)', async (_, credential, expected) => {
    const headers = await sent(credential);
    expect(headers).toMatchObject(expected);
    expect(JSON.stringify(headers)).not.toContain('sk-caller');
  });

  test.each([
    ['fails', () => Promise.reject(new Error('vault is sealed'))],
    [
      'throws',
      () => {
        throw new Error('vault is sealed');
      },
    ],
    ['is empty', () => ''],
    ['would split the request', () => 'a\r\nx-evil: 1'],
  ])(
    'that cannot be had (%s) leave the call to another endpoint, and the endpoint alone for a while',
    async (_, value) => {
      const endpoints = [{ ...EU, credential: { bearer: value as () => string } }, US];
      await using pipe = routed({}, { options: { endpoints } });
      expect(await posts(pipe, 2)).toEqual([200, 200]);
      expect(went(pipe)).toEqual(['us', 'us']);
      expect(pipe.outcomes[0]?.history[0]?.endpoint?.decision?.dropped).toEqual([
        { endpoint: 'eu', reason: 'credential' },
      ]);
    },
  );

  test('that nobody has are a refusal that says nothing of them', async () => {
    const endpoints = [{ ...EU, credential: { bearer: () => Promise.reject(new Error('secret vault')) } }];
    await using pipe = routed({}, { options: { endpoints } });
    const response = await pipe.post();
    expect(response.status).toBe(503);
    expect(await response.text()).not.toContain('vault');
    expect(response.headers.get('retry-after')).toBe('5');
  });

  test('that do not come are not waited for longer than the caller waits', async () => {
    const endpoints = [{ ...EU, credential: { bearer: () => new Promise<string>(() => undefined) } }];
    await using pipe = routed({}, { options: { endpoints } });
    const caller = new AbortController();
    const pending = pipe.post({}, { signal: caller.signal });
    await pipe.clock.advance(10);
    caller.abort(new Error('gone'));
    await expect(pending).rejects.toThrow('gone');
    expect(pipe.outcomes).toMatchObject([{ kind: 'client-abort', attempts: 0 }]);
  });
});

describe('residency', () => {
  const seeded = (regions: readonly string[]): Plugin =>
    definePlugin({
      name: 'identity',
      create: () => ({
        handle: (request, next, ctx) => {
          ctx.state.set(ALLOWED_REGIONS, regions);
          return next(request);
        },
      }),
    })();

  test('is obeyed where the state says it, the option, or a function for the call', async () => {
    await using byState = routed({}, { outside: [seeded(['jp'])] });
    await posts(byState, 2);
    expect(went(byState)).toEqual(['jp', 'jp']);
    await using byOption = routed({}, { options: { allowedRegions: ['us'] } });
    await posts(byOption, 2);
    expect(went(byOption)).toEqual(['us', 'us']);
    await using byRule = routed(
      {},
      { options: { allowedRegions: (_, ctx) => (ctx.streamed ? ['us'] : ['jp']) } },
    );
    await posts(byRule, 1);
    expect(went(byRule)).toEqual(['jp']);
    expect(byRule.outcomes[0]?.history[0]?.endpoint?.decision).toEqual({
      reason: 'only',
      dropped: [
        { endpoint: 'eu', reason: 'region' },
        { endpoint: 'us', reason: 'region' },
      ],
    });
  });

  test('is only ever narrowed, and written down for the check before each send', async () => {
    let seen: readonly string[] | undefined;
    const look = inside((ctx) => (seen = ctx.state.get(ALLOWED_REGIONS)));
    await using pipe = routed(
      {},
      { outside: [seeded(['eu', 'us'])], options: { allowedRegions: ['us', 'jp'] }, within: [look] },
    );
    await posts(pipe, 1);
    expect(went(pipe)).toEqual(['us']);
    expect(seen).toEqual(['us']);
  });

  test('without an endpoint in a permitted region is a 503 that says so, and nothing is sent', async () => {
    await using pipe = routed({}, { outside: [seeded(['eu'])], options: { allowedRegions: ['jp'] } });
    const response = await pipe.post();
    expect(response.status).toBe(503);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(await response.json()).toMatchObject({
      error: { message: 'No endpoint in a region that this call may be sent to.' },
    });
    expect(pipe.outcomes).toMatchObject([
      { kind: 'refused', attempts: 0, cause: { code: 'residency', plugin: 'region-routing' } },
    ]);
  });

  test('holds when all that is permitted is down: 503, and when to come back', async () => {
    const broken = inside((_, endpoint) => {
      throw open(endpoint === 'eu' ? 30_000 : 20_000);
    });
    await using pipe = routed({}, { options: { allowedRegions: ['eu', 'us'] }, within: [broken] });
    const response = await pipe.post();
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('20');
    expect(response.headers.has('x-should-retry')).toBe(false);
    expect(await response.json()).toMatchObject({
      error: { message: 'No permitted endpoint can take the call now.' },
    });
    const [outcome] = pipe.outcomes;
    expect(outcome).toMatchObject({ kind: 'refused', attempts: 0, cause: { code: 'no_endpoint' } });
    expect(String(causeOf(outcome?.cause))).toContain('jp: region, eu: circuit-open, us: circuit-open');
    expect(pipe.transport.requests).toEqual([]);
  });

  test('is not crossed by another attempt', async () => {
    await using pipe = routed(
      { eu: () => bad(500) },
      { outside: [tries(3)], options: { allowedRegions: ['eu'] } },
    );
    expect(await posts(pipe, 20)).toEqual(Array.from({ length: 20 }, () => 500));
    expect(new Set(went(pipe))).toEqual(new Set(['eu']));
  });

  test('that cannot be found out refuses the call', async () => {
    const allowedRegions = (): string[] => {
      throw new Error('tenant unknown');
    };
    await using pipe = routed({}, { options: { allowedRegions } });
    expect((await pipe.post()).status).toBe(500);
    await using wrong = routed({}, { options: { allowedRegions: () => 'eu' as never } });
    expect((await wrong.post()).status).toBe(500);
    expect([...went(pipe), ...went(wrong)]).toEqual([]);
  });
});

describe('capability', () => {
  test('a format or a model that an endpoint has not is asked for elsewhere', async () => {
    const endpoints = [
      { ...EU, formats: ['openai-chat'] },
      { ...US, models: { haiku: 'haiku' } },
      { ...JP, models: { opus: 'opus' } },
    ];
    await using pipe = routed({}, { options: { endpoints } });
    await posts(pipe, 1, { model: 'opus' });
    expect(pipe.outcomes[0]?.history[0]?.endpoint).toMatchObject({
      id: 'jp',
      decision: {
        dropped: [
          { endpoint: 'eu', reason: 'format' },
          { endpoint: 'us', reason: 'model' },
        ],
      },
    });
  });

  test('a model that nobody serves is a 404; one that is served beyond the border only is residency', async () => {
    const endpoints = [{ ...EU, models: { haiku: 'h' } }, US];
    await using pipe = routed({}, { options: { endpoints, allowedRegions: ['eu'] } });
    const beyond = await pipe.post({ model: 'opus' });
    expect(beyond.status).toBe(503);
    expect(pipe.outcomes).toMatchObject([{ cause: { code: 'residency' } }]);
    await using narrow = routed({}, { options: { endpoints: [{ ...EU, models: { haiku: 'h' } }] } });
    const response = await narrow.post({ model: 'opus' });
    expect(response.status).toBe(404);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(await response.json()).toMatchObject({ error: { message: 'No endpoint serves this model.' } });
    await using other = routed({}, { options: { endpoints: [{ ...EU, formats: ['openai-chat'] }] } });
    expect((await other.post()).status).toBe(404);
  });

  test('a call of no known format stays with the first endpoint, whatever its health: its files are there', async () => {
    await using pipe = routed({ eu: () => bad(500) }, { outside: [tries(2)] });
    for (let i = 0; i < 10; i++) {
      const response = await pipe.pipeline.fetch('https://caller.test/v1/files/f', { method: 'GET' });
      await response.text();
      expect(response.status).toBe(500);
    }
    expect(new Set(went(pipe))).toEqual(new Set(['eu']));
    expect(pipe.outcomes[0]?.history[0]?.endpoint?.decision).toEqual({ reason: 'first', dropped: [] });
    await using broken = routed(
      {},
      {
        within: [
          inside((_, id) => {
            if (id === 'eu') throw open(1_000);
          }),
        ],
      },
    );
    const response = await broken.pipeline.fetch('https://caller.test/v1/files/f', { method: 'GET' });
    expect(response.status).toBe(503);
    expect(went(broken)).toEqual([]);
  });
});

describe('another attempt', () => {
  test('goes where the call was not yet, and says how many others are left', async () => {
    const alternatives: (number | undefined)[] = [];
    const look = inside((ctx) => alternatives.push(ctx.state.get(ALTERNATIVES)));
    await using pipe = routed({ eu: () => bad(503), us: refused }, { outside: [tries(3)], within: [look] });
    expect(await posts(pipe, 1)).toEqual([200]);
    expect(went(pipe)).toEqual(['eu', 'us', 'jp']);
    expect(alternatives).toEqual([2, 1, 0]);
    expect(pipe.outcomes[0]?.history[2]?.endpoint?.decision).toEqual({
      reason: 'only',
      dropped: [
        { endpoint: 'eu', reason: 'tried' },
        { endpoint: 'us', reason: 'tried' },
      ],
    });
  });

  test('goes to the same endpoint again when no other is well', async () => {
    await using pipe = routed({ eu: () => bad(503) }, { outside: [tries(3)], options: { endpoints: [EU] } });
    expect(await posts(pipe, 1)).toEqual([503]);
    expect(pipe.outcomes[0]?.history.map(({ endpoint }) => endpoint?.decision?.reason)).toEqual([
      'only',
      'again',
      'again',
    ]);
  });

  test('never goes to an endpoint that is excluded, and there may be none left', async () => {
    const hedging = (otherThan: readonly string[]): Plugin =>
      definePlugin({
        name: 'retry',
        create: () => ({ handle: (request, next) => next({ ...request, otherThan }) }),
      })();
    await using pipe = routed({}, { outside: [hedging(['eu', 'us'])] });
    await posts(pipe, 1);
    expect(went(pipe)).toEqual(['jp']);
    await using none = routed({}, { outside: [hedging(['eu', 'us', 'jp'])] });
    expect((await none.post()).status).toBe(503);
    expect(none.outcomes).toMatchObject([{ cause: { code: 'no_endpoint' }, attempts: 0 }]);
  });
});

describe('a refusal further in that sent nothing', () => {
  test('moves the call on within the same pass, and is remembered for as long as it says', async () => {
    let asked = 0;
    const look = inside((_, id) => {
      if (id !== 'eu') return;
      asked++;
      throw open(5_000);
    });
    await using pipe = routed({}, { within: [look] });
    expect(await posts(pipe, 3)).toEqual([200, 200, 200]);
    expect(went(pipe)).toEqual(['us', 'us', 'us']);
    expect(asked).toBe(1);
    expect(pipe.outcomes[0]?.history).toMatchObject([
      { endpoint: { id: 'us', decision: { dropped: [{ endpoint: 'eu', reason: 'circuit-open' }] } } },
    ]);
    await pipe.clock.advance(5_000);
    await posts(pipe, 1);
    expect(asked).toBe(2);
  });

  test('holds for its model alone', async () => {
    const look = inside((ctx, id) => {
      if (id === 'eu' && ctx.model === 'opus') throw open(5_000);
    });
    await using pipe = routed({}, { within: [look] });
    await posts(pipe, 1, { model: 'opus' });
    await posts(pipe, 1, { model: 'haiku' });
    expect(went(pipe)).toEqual(['us', 'eu']);
  });

  test('of an endpoint that is asked all the same, for want of another, is forgotten once it answers', async () => {
    let isOpen = true;
    const look = inside(() => {
      if (isOpen) throw open(60_000);
    });
    await using pipe = routed({}, { within: [look], options: { endpoints: [EU] } });
    expect(await posts(pipe, 1)).toEqual([503]);
    isOpen = false; // By hand: nobody tells routing.
    expect(await posts(pipe, 2)).toEqual([200, 200]);
    expect(pipe.outcomes.slice(1).map(({ history }) => history[0]?.endpoint?.decision?.reason)).toEqual([
      'panic',
      'only',
    ]);
  });

  test('by a limit of one endpoint leaves the others, and rests nobody', async () => {
    const look = inside((_, endpoint) => {
      if (endpoint === 'eu') throw new PipelineError('rate_limited', { retryAfterMs: 60_000 });
    });
    const health = endpointHealth();
    await using pipe = routed({}, { within: [look], health });
    expect(await posts(pipe, 2)).toEqual([200, 200]);
    expect(went(pipe)).not.toContain('eu');
    expect(health.list(pipe.clock).every(({ available }) => available)).toBe(true);
  });

  test('by all of them is told as it is', async () => {
    const look = inside(() => {
      throw new PipelineError('rate_limited', { retryAfterMs: 1_000 });
    });
    await using pipe = routed({}, { within: [look] });
    const response = await pipe.post();
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '1']);
    expect(went(pipe)).toEqual([]);
  });

  test('by several limits says when the first of them ends, whoever else is out', async () => {
    const refusals: Readonly<Record<string, PipelineError>> = {
      eu: new PipelineError('rate_limited', { retryAfterMs: 3_000 }),
      us: new PipelineError('rate_limited', { retryAfterMs: 60_000 }),
      jp: open(1_000),
    };
    const look = inside((_, endpoint) => {
      throw refusals[endpoint] as PipelineError;
    });
    await using pipe = routed({}, { within: [look] });
    const response = await pipe.post();
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '3']);
  });

  test("that is the caller's own fault goes nowhere else", async () => {
    const asked: string[] = [];
    const look = inside((_, endpoint) => {
      asked.push(endpoint);
      throw new PipelineError('content_blocked');
    });
    await using pipe = routed({}, { within: [look] });
    expect((await pipe.post()).status).toBe(400);
    expect(asked).toHaveLength(1);
  });
});

describe('an endpoint that throttles', () => {
  test.each([
    ['as long as it says', { 'retry-after': '20' }, 20_000],
    ['a second when it does not say', {}, 1_000],
  ])('is left alone for this model, %s', async (_, headers, forMs) => {
    let answer = (): Response => bad(429, headers);
    await using pipe = routed({ eu: () => answer() });
    expect(await posts(pipe, 2)).toEqual([429, 200]);
    await posts(pipe, 1, { model: 'other' });
    expect(went(pipe)).toEqual(['eu', 'us', 'eu']);
    await pipe.clock.advance(forMs - 1);
    answer = good;
    await posts(pipe, 1);
    await pipe.clock.advance(1);
    await posts(pipe, 1);
    expect(went(pipe).slice(3)).toEqual(['us', 'eu']);
  });

  test("is asked when all do: the caller gets the provider's own words", async () => {
    const all = (): Response => bad(429, { 'retry-after': '7' });
    await using pipe = routed({ eu: all, us: all, jp: all });
    const statuses = await posts(pipe, 4);
    expect(statuses).toEqual([429, 429, 429, 429]);
    expect(went(pipe)).toEqual(['eu', 'us', 'jp', 'eu']);
    expect(pipe.outcomes[3]?.history[0]?.endpoint?.decision?.reason).toBe('panic');
  });

  test('throttles one caller and not all, where callers bring their own keys', async () => {
    const endpoints = [{ ...EU, credential: 'caller' as const }, US];
    await using pipe = routed({ eu: () => bad(429, { 'retry-after': '20' }) }, { options: { endpoints } });
    await posts(pipe, 2);
    expect(went(pipe)).toEqual(['eu', 'eu']);
  });

  test('throttles one key and not all, where each rests by itself', async () => {
    const keys = inside(({ state }) => {
      state.set(KEYED, true);
    });
    const event = errorEvent('anthropic-messages', 429);
    await using pipe = routed({ eu: () => bad(429, { 'retry-after': '20' }) }, { within: [keys] });
    await posts(pipe, 2);
    expect(went(pipe)).toEqual(['eu', 'eu']);
    await using stream = routed({ eu: streamAnswer([event]) }, { within: [keys] });
    await posts(stream, 2, { stream: true });
    expect(went(stream)).toEqual(['eu', 'eu']);
    // What the endpoint says of itself is for all.
    await using overloaded = routed({ eu: () => bad(529, { 'retry-after': '20' }) }, { within: [keys] });
    await posts(overloaded, 2);
    expect(went(overloaded)).toEqual(['eu', 'us']);
    // And so is what is said of a credential of the endpoint's own, if that is what was sent.
    const own = [{ ...EU, credential: { bearer: 'the-own-one' } }, US];
    await using owned = routed(
      { eu: () => bad(429, { 'retry-after': '20' }) },
      { options: { endpoints: own } },
    );
    await posts(owned, 2);
    expect(went(owned)).toEqual(['eu', 'us']);
  });

  test('is left alone for no other model, however the caller calls its own', async () => {
    const health = endpointHealth();
    const answer = (): Response => bad(429, { 'retry-after': '3600' });
    await using pipe = routed({ eu: answer }, { health });
    await posts(pipe, 1, { model: '*' });
    expect(health.list(pipe.clock)[0]).toMatchObject({
      available: true,
      rests: [{ model: '*', reason: 'cooling' }],
    });
    await posts(pipe, 1, { model: 'other' });
    expect(went(pipe)).toEqual(['eu', 'eu']);
  });

  test('within a stream is left alone, too', async () => {
    const event = errorEvent('anthropic-messages', 429);
    await using pipe = routed({ eu: streamAnswer([event]) });
    await posts(pipe, 2, { stream: true });
    expect(went(pipe)).toEqual(['eu', 'us']);
  });

  test('because it is overloaded is left alone for as long as it says', async () => {
    await using pipe = routed({ eu: () => bad(529, { 'retry-after': '3' }) });
    await posts(pipe, 2);
    await pipe.clock.advance(3_000);
    await posts(pipe, 1);
    expect(went(pipe)).toEqual(['eu', 'us', 'eu']);
  });
});

describe('a refused credential', () => {
  test('of our own (401, 402) rests the endpoint', async () => {
    const endpoints = [{ ...EU, credential: { bearer: 'own' } }, US];
    await using pipe = routed({ eu: () => bad(401) }, { options: { endpoints } });
    expect(await posts(pipe, 3)).toEqual([401, 200, 200]);
    await pipe.clock.advance(30_000);
    expect(await posts(pipe, 1)).toEqual([401]);
  });

  test('of the caller, or of a plugin with more than one, does not', async () => {
    const endpoints = [{ ...EU, credential: 'caller' as const }, US];
    await using caller = routed({ eu: () => bad(401) }, { options: { endpoints } });
    await using pool = routed({ eu: () => bad(401) });
    expect(await posts(caller, 2)).toEqual([401, 401]);
    expect(await posts(pool, 2)).toEqual([401, 401]);
  });

  test.each<[string, EndpointCredential, string]>([
    ['a header', { header: 'x-api-key', value: 'sk-the-endpoints-own' }, 'x-api-key: sk-the-endpoints-own'],
    ['a scheme', { header: 'authorization', value: 'Key sk-the-endpoints-own' }, 'no sk-the-endpoints-own'],
    ['a bearer', { bearer: 'sk-the-endpoints-own' }, '{"m":"sk-the-endpoints-own"}'],
    ['a function', { bearer: () => Promise.resolve('sk-the-endpoints-own') }, '<p>sk-the-endpoints-own'],
  ])('as %s does not reach the caller in an error answer', async (_, credential, said) => {
    for (const code of [400, 401, 403, 500]) {
      const answer = (): Response => new Response(said, { status: code });
      await using pipe = routed({ eu: answer }, { options: { endpoints: [{ ...EU, credential }] } });
      const response = await pipe.post();
      expect(response.status).toBe(code === 403 ? 403 : 502);
      expect(await response.text()).not.toContain('the-endpoints-own');
      const kept = code === 403 ? 'forbidden' : 'bad_answer';
      expect(pipe.outcomes).toMatchObject([{ cause: { code: kept, plugin: 'region-routing' } }]);
    }
  });

  test('with 403 is explained and never failed over, not even by later calls; the answer stays as it is', async () => {
    const health = endpointHealth();
    const said = errorBody('anthropic-messages', 403, {
      message: 'Country, region, or territory not supported',
    });
    await using pipe = routed(
      { eu: () => new Response(said, { status: 403, headers: JSON_TYPE }) },
      { health, options: { announce: true } },
    );
    for (let i = 0; i < 10; i++) {
      const response = await pipe.post();
      expect(response.status).toBe(403);
      expect(await response.text()).toBe(said);
      expect(response.headers.get('x-sluice-diagnosis')).toBe('region');
    }
    expect(new Set(went(pipe))).toEqual(new Set(['eu']));
    expect(pipe.outcomes[0]?.history[0]?.endpoint?.decision).toMatchObject({ diagnosis: 'region' });
    expect(health.list(pipe.clock)[0]).toMatchObject({ id: 'eu', available: true, diagnosis: 'region' });
  });

  test('is not taken for speed: an endpoint that refuses at once gets no more than its share', async () => {
    const slow: ScriptedAnswer = streamAnswer(anthropicStream({ text: 'One' }));
    await using pipe = routed(
      { eu: () => bad(403), us: slow, jp: slow },
      { options: { strategy: 'latency' }, outside: [] },
    );
    await posts(pipe, 60, { stream: true });
    expect(went(pipe).filter((id) => id === 'eu').length).toBeLessThan(30);
  });
});

describe('ejection', () => {
  const EJECTION = { baseMs: 30_000, maxMs: 300_000 };

  test('after five failures in a row, for half a minute, then for as much longer each time, up to five minutes', async () => {
    const health = endpointHealth();
    await using pipe = routed({ eu: () => bad(500) }, { health, options: { ejection: EJECTION } });
    const spans: number[] = [];
    for (let round = 1; round <= 12; round++) {
      await posts(pipe, 5);
      expect(went(pipe).slice(-5)).toEqual(['eu', 'eu', 'eu', 'eu', 'eu']);
      await posts(pipe, 1);
      expect(went(pipe).at(-1)).toBe('us');
      const [eu] = health.list(pipe.clock);
      expect(eu).toMatchObject({ available: false, ejections: round });
      const forMs = eu?.ejectedForMs ?? 0;
      spans.push(forMs);
      await pipe.clock.advance(forMs);
    }
    spans.forEach((forMs, i) => {
      const leastMs = Math.min(30_000 * (i + 1), 300_000);
      expect(forMs).toBeGreaterThanOrEqual(leastMs);
      expect(forMs).toBeLessThanOrEqual(leastMs * 1.1);
    });
  });

  test('for a share of failures, once there are enough calls', async () => {
    let n = 0;
    const health = endpointHealth();
    await using pipe = routed({ eu: () => (n++ % 2 === 0 ? bad(500) : good()) }, { health });
    await posts(pipe, 9);
    expect(health.list(pipe.clock)[0]).toMatchObject({ ejections: 0 });
    await posts(pipe, 2);
    expect(health.list(pipe.clock)[0]).toMatchObject({ ejections: 1, available: false });
  });

  test('never of more than half of the endpoints, and a call always finds one', async () => {
    const health = endpointHealth();
    const down = (): Response => bad(500);
    await using pipe = routed({ eu: down, us: down, jp: down }, { health });
    expect(await posts(pipe, 30)).toEqual(Array.from({ length: 30 }, () => 500));
    const ejected = (): number => health.list(pipe.clock).filter(({ available }) => !available).length;
    expect(ejected()).toBe(1);
    await using alone = routed({ eu: down }, { health: endpointHealth(), options: { endpoints: [EU] } });
    expect(await posts(alone, 10)).toEqual(Array.from({ length: 10 }, () => 500));
    expect(alone.outcomes.at(-1)?.history[0]?.endpoint?.decision?.reason).toBe('only');
  });

  test('does not keep a call from the only endpoint that is permitted', async () => {
    await using pipe = routed({ eu: () => bad(500) }, { options: { allowedRegions: ['eu'] } });
    expect(await posts(pipe, 7)).toEqual([500, 500, 500, 500, 500, 500, 500]);
    expect(pipe.outcomes.at(-1)?.history[0]?.endpoint?.decision?.reason).toBe('panic');
  });

  test('forgets with time without a failure', async () => {
    const health = endpointHealth();
    let answer = (): Response => bad(500);
    await using pipe = routed({ eu: () => answer() }, { health });
    const ejectedForMs = async (): Promise<number> => {
      answer = () => bad(500);
      await posts(pipe, 5);
      return health.list(pipe.clock)[0]?.ejectedForMs ?? 0;
    };
    await pipe.clock.advance(await ejectedForMs());
    await pipe.clock.advance(await ejectedForMs());
    answer = good;
    for (let minute = 0; minute < 4; minute++) {
      await pipe.clock.advance(30_000);
      await posts(pipe, 1);
    }
    expect(await ejectedForMs()).toBeLessThan(34_000);
  });

  test("says nothing of what is the caller's fault, or nobody's", async () => {
    const health = endpointHealth();
    await using pipe = routed({ eu: () => bad(400) }, { health });
    await posts(pipe, 20);
    const leaving = new AbortController();
    await using left = routed(
      {
        eu: () => {
          leaving.abort();
          return refused;
        },
      },
      { health },
    );
    await left.post({}, { signal: leaving.signal }).catch(() => undefined);
    await nextTurn();
    expect(health.list(pipe.clock)[0]).toMatchObject({ available: true, ejections: 0, inFlight: 0 });
  });

  test('can be turned off', async () => {
    await using pipe = routed({ eu: () => bad(500) }, { options: { ejection: false } });
    await posts(pipe, 20);
    expect(new Set(went(pipe))).toEqual(new Set(['eu']));
  });

  test('ends with a slow start', async () => {
    const health = endpointHealth();
    let answer = (): Response => bad(500);
    await using pipe = routed(
      { eu: () => answer() },
      { health, options: { strategy: 'weighted', endpoints: [EU, US] } },
    );
    while (health.list(pipe.clock)[0]?.available === true) await posts(pipe, 1);
    answer = good;
    await pipe.clock.advance(health.list(pipe.clock)[0]?.ejectedForMs ?? 0);
    const share = async (): Promise<number> => {
      const before = went(pipe).length;
      await posts(pipe, 100);
      return went(pipe)
        .slice(before)
        .filter((id) => id === 'eu').length;
    };
    expect(await share()).toBeLessThan(20);
    await pipe.clock.advance(30_000);
    expect(await share()).toBeGreaterThan(35);
  });
});

describe('tiers', () => {
  const endpoints = [{ ...JP, priority: 1 }, EU, US];
  const share = (pipe: TestPipeline, id: string): number =>
    went(pipe).filter((one) => one === id).length / went(pipe).length;

  test('the first gets everything while it is well, and its loss spills over in proportion', async () => {
    await using well = routed({}, { options: { endpoints, strategy: 'weighted' } });
    await posts(well, 50);
    expect(share(well, 'jp')).toBe(0);
    // Half of the first tier is left: 0.5 × 1.4 of the calls stay there.
    const look = inside((_, id) => {
      if (id === 'eu') throw open(600_000);
    });
    await using half = routed({}, { options: { endpoints, strategy: 'weighted' }, within: [look] });
    await posts(half, 300);
    expect(share(half, 'jp')).toBeGreaterThan(0.2);
    expect(share(half, 'jp')).toBeLessThan(0.4);
    const none = inside((_, id) => {
      if (id !== 'jp') throw open(600_000);
    });
    await using spilled = routed({}, { options: { endpoints, strategy: 'weighted' }, within: [none] });
    await posts(spilled, 20);
    expect(share(spilled, 'jp')).toBe(1);
  });

  test('an attempt goes to the next tier when the first was tried', async () => {
    const down = (): Response => bad(503);
    await using pipe = routed({ eu: down, us: down }, { options: { endpoints }, outside: [tries(3)] });
    expect(await posts(pipe, 1)).toEqual([200]);
    expect(went(pipe)).toEqual(['eu', 'us', 'jp']);
  });
});

describe('strategies', () => {
  const count = async (options: Partial<RegionRoutingOptions>): Promise<Record<string, number>> => {
    await using pipe = routed({}, { options });
    await posts(pipe, 120);
    const counts: Record<string, number> = {};
    for (const id of went(pipe)) counts[id] = (counts[id] ?? 0) + 1;
    return counts;
  };
  const weighed = [{ ...EU, weight: 2 }, US, JP];

  test('priority: the first of the list', async () => {
    expect(await count({ strategy: 'priority' })).toEqual({ eu: 120 });
  });

  test('round-robin: in turn, by weight', async () => {
    expect(await count({ strategy: 'round-robin' })).toEqual({ eu: 40, us: 40, jp: 40 });
    expect(await count({ strategy: 'round-robin', endpoints: weighed })).toEqual({ eu: 60, us: 30, jp: 30 });
  });

  test('weighted: by chance, by weight', async () => {
    const { eu = 0, us = 0 } = await count({ strategy: 'weighted', endpoints: weighed });
    expect(eu).toBeGreaterThan(45);
    expect(eu).toBeLessThan(75);
    expect(us).toBeGreaterThan(18);
  });

  test('latency: two of many are compared, and all get their share', async () => {
    const endpoints = Array.from({ length: 8 }, (_, i) => ({
      ...EU,
      id: `e${i}`,
      url: `https://e${i}.test`,
    }));
    const counts = await count({ endpoints, strategy: 'latency' });
    expect(Object.keys(counts)).toHaveLength(8);
  });
});

describe('what was learnt', () => {
  test('is visible, and outlives a pipeline that is replaced', async () => {
    const health = endpointHealth();
    await using pipe = routed(
      { eu: () => bad(429, { 'retry-after': '60' }) },
      {
        health,
        options: { endpoints: [{ ...EU, labels: { owner: 'ops' } }, US] },
      },
    );
    const other = routed({}, { health });
    const swapping = hotSwap(pipe.pipeline);
    await posts(pipe, 1);
    expect(health.list(pipe.clock)).toMatchObject([
      { id: 'eu', region: 'eu', rests: [{ model: 'any', reason: 'cooling', forMs: 60_000 }], inFlight: 0 },
      { id: 'us', rests: [], ejectedForMs: 0, diagnosis: undefined },
      { id: 'jp' },
    ]);
    await swapping.swap(other.pipeline);
    await posts(other, 1);
    expect(went(other)).toEqual(['us']);
    await other.pipeline.close();
  });

  test('counts attempts in progress to the end of the body', async () => {
    const health = endpointHealth();
    const rest = Promise.withResolvers<string>();
    const [first = '', ...others] = anthropicStream({ text: 'One two' });
    await using pipe = routed(
      { eu: streamAnswer([first, others.slice(0, 3).join(''), rest.promise]) },
      { health },
    );
    const response = await pipe.post({ stream: true });
    expect(health.list(pipe.clock)[0]).toMatchObject({ inFlight: 1 });
    rest.resolve(others.slice(3).join(''));
    await response.text();
    expect(health.list(pipe.clock)[0]).toMatchObject({ inFlight: 0 });
  });
});

test('the caller is told where its answer came from, if so asked', async () => {
  await using silent = routed({});
  expect((await silent.post()).headers.has('x-sluice-endpoint')).toBe(false);
  await using pipe = routed({}, { options: { announce: true } });
  const { headers } = await pipe.post();
  expect(headers.get('x-sluice-endpoint')).toBe('eu');
  expect(headers.get('x-sluice-region')).toBe('eu');
  expect(headers.has('x-sluice-diagnosis')).toBe(false);
});
