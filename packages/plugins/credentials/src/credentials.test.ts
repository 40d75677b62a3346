import {
  createPipeline,
  definePlugin,
  KEYED,
  type Plugin,
  PRINCIPAL,
  type Principal,
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
import { describe, expect, test, vi } from 'vitest';
import {
  type CredentialEvent,
  credentials,
  type CredentialsOptions,
  type CredentialSource,
  KEY_STATES,
  KeyStates,
} from './index.ts';

const dialect = 'anthropic-messages';
const JSON_TYPE = { 'content-type': 'application/json' };
const good = (): Response => new Response(anthropicMessage(), { headers: JSON_TYPE });
const bad = (status: number, headers: Record<string, string> = {}, code?: string): Response =>
  new Response(errorBody(dialect, status, code === undefined ? {} : { code }), {
    status,
    headers: { ...JSON_TYPE, ...headers },
  });
/** A key that is called what it is. */
const key = (id: string): CredentialSource => ({ id, load: () => `secret-${id}` });

interface Keyed extends TestPipeline {
  readonly states: KeyStates;
  readonly events: CredentialEvent[];
  /** The keys that were sent, in order. */
  readonly sent: () => (string | undefined)[];
}

interface KeyedOptions extends CredentialsOptions {
  readonly principal?: Principal;
  /** Where routing would have sent the attempts, in order. */
  readonly route?: readonly string[];
}

async function keyed(
  answers: readonly ScriptedAnswer[],
  options: KeyedOptions = {},
  others: TestPipelineOptions = {},
  outside: readonly Plugin[] = [],
): Promise<Keyed> {
  const { principal, route, ...own } = options;
  const states = new KeyStates();
  const events: CredentialEvent[] = [];
  let attempt = 0;
  const routing = definePlugin({
    name: 'region-routing',
    create: () => ({
      handle: (request, next, { state }) => {
        if (principal !== undefined) state.set(PRINCIPAL, principal);
        const id = route?.[attempt++];
        return next(id === undefined ? request : { ...request, endpoint: { id } });
      },
    }),
  });
  const pipe = testPipeline({
    answers,
    plugins: [...outside, routing(), credentials({ onEvent: (event) => events.push(event), ...own })],
    services: [provide(KEY_STATES, () => states)],
    ...others,
  });
  await pipe.pipeline.start();
  return {
    ...pipe,
    states,
    events,
    sent: () =>
      pipe.transport.requests.map(({ headers }) => headers['authorization']?.replace('Bearer secret-', '')),
    [Symbol.asyncDispose]: () => pipe[Symbol.asyncDispose](),
  };
}

const status = async (pending: Promise<Response>): Promise<number> => {
  const response = await pending;
  await response.text();
  return response.status;
};

/** Makes calls one after the other. */
async function statuses(pipe: Keyed, count: number, fields: Record<string, unknown> = {}): Promise<number[]> {
  const seen: number[] = [];
  for (let i = 0; i < count; i++) seen.push(await status(pipe.post(fields)));
  return seen;
}

describe('a request', () => {
  test('carries the operator’s key in the place of whatever the caller sent', async () => {
    await using pipe = await keyed([good()], { keys: [key('a')] });
    const headers = {
      ...JSON_TYPE,
      'anthropic-version': '2026-10-21',
      authorization: 'Bearer theirs',
      'x-api-key': 'theirs',
      'api-key': 'theirs',
      'openai-organization': 'theirs',
      'anthropic-workspace-id': 'theirs',
    };
    await status(pipe.post({}, { headers }));
    expect(pipe.transport.requests[0]?.headers).toEqual({
      ...JSON_TYPE,
      'anthropic-version': '2026-10-21',
      authorization: 'Bearer secret-a',
    });
  });

  test.each([
    ['authorization', 'Bearer secret-a'],
    ['x-api-key', 'secret-a'],
    ['api-key', 'secret-a'],
  ] as const)('carries it in %s where that is wanted', async (header, value) => {
    await using pipe = await keyed([good()], {
      keys: [key('a')],
      header,
      headers: { 'openai-project': 'p' },
    });
    await status(pipe.post({}, { headers: { ...JSON_TYPE, 'openai-project': 'theirs' } }));
    expect(pipe.transport.requests[0]?.headers).toEqual({
      ...JSON_TYPE,
      [header]: value,
      'openai-project': 'p',
    });
  });

  test('carries the key of its endpoint, in its form', async () => {
    await using pipe = await keyed([good(), good()], {
      endpoints: { eu: { keys: [key('e')] }, us: { keys: [key('u')], header: 'x-api-key' } },
      route: ['eu', 'us'],
    });
    await statuses(pipe, 2);
    expect(
      pipe.transport.requests.map(({ headers }) => [headers['authorization'], headers['x-api-key']]),
    ).toEqual([
      ['Bearer secret-e', undefined],
      [undefined, 'secret-u'],
    ]);
  });

  test('to an endpoint without keys gets none of another’s', async () => {
    await using pipe = await keyed([], {
      keys: [key('a')],
      endpoints: { eu: { keys: [key('e')] } },
      route: ['ap'],
    });
    expect(await status(pipe.post())).toBe(502);
    expect(pipe.transport.requests).toHaveLength(0);
    expect(pipe.outcomes).toMatchObject([
      { cause: { code: 'credential_refused', cause: expect.stringContaining('"ap"') } },
    ]);
  });

  test.each([
    [true, ['eu']],
    [undefined, []],
  ])('tells routing, if there is any, that its key has limits of its own (%s)', async (told, route) => {
    const seen: unknown[] = [];
    const options = { keys: [key('a')], route };
    const spy = definePlugin({
      name: 'spy',
      create: () => ({
        handle: async (request, next, { state }) => {
          const response = await next(request);
          seen.push(state.get(KEYED));
          return response;
        },
      }),
    });
    await using pipe = await keyed([bad(429)], options, {}, [spy()]);
    await status(pipe.post());
    expect(seen).toEqual([told]);
  });

  test('to any endpoint carries the same keys where no endpoint has its own', async () => {
    await using pipe = await keyed([good(), good()], { keys: [key('a')], route: ['eu', 'us'] });
    await statuses(pipe, 2);
    expect(pipe.sent()).toEqual(['a', 'a']);
  });
});

describe('tenants', () => {
  const acme: Principal = { id: 'app', tenant: 'acme' };

  test('have keys of their own, or none', async () => {
    await using pipe = await keyed([good()], {
      keys: [key('ours')],
      tenants: { acme: [key('theirs')] },
      principal: acme,
    });
    expect(await status(pipe.post())).toBe(200);
    expect(pipe.sent()).toEqual(['theirs']);
    await using other = await keyed([], {
      keys: [key('ours')],
      tenants: { acme: [key('theirs')] },
      principal: { id: 'app', tenant: 'other' },
    });
    const response = await other.post();
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({
      error: { message: 'There are no upstream credentials for this caller.' },
    });
    expect(other.outcomes).toMatchObject([
      { cause: { cause: expect.stringContaining("poolScope: 'shared'") } },
    ]);
  });

  test('share keys where that is said', async () => {
    const options: KeyedOptions = {
      keys: [key('ours')],
      tenants: { acme: [key('theirs')] },
      poolScope: 'shared',
    };
    await using own = await keyed([good()], { ...options, principal: acme });
    await using other = await keyed([good()], { ...options, principal: { id: 'app', tenant: 'other' } });
    await statuses(own, 1);
    await statuses(other, 1);
    expect([...own.sent(), ...other.sent()]).toEqual(['theirs', 'ours']);
  });

  test('that are not named use the keys for calls without one', async () => {
    await using pipe = await keyed([good(), good()], {
      keys: [key('ours')],
      tenants: { acme: [key('theirs')] },
      principal: { id: 'x' },
    });
    expect(await statuses(pipe, 2)).toEqual([200, 200]);
    expect(pipe.sent()).toEqual(['ours', 'ours']);
  });
});

describe('a 429', () => {
  test('rests the key for that model, and another key takes the call', async () => {
    await using pipe = await keyed([bad(429, { 'retry-after': '30' }), good(), good(), good()], {
      keys: [key('a'), key('b')],
      principal: { id: 'app' },
    });
    expect(await status(pipe.post())).toBe(200);
    const [first, second] = pipe.sent();
    expect(new Set([first, second])).toEqual(new Set(['a', 'b']));
    // The same model stays with the other key, another model has not met a limit.
    await status(pipe.post());
    await status(pipe.post({ model: 'other' }));
    expect(pipe.sent().slice(2)).toEqual([second, first]);
    expect(pipe.events).toMatchObject([
      { type: 'key-cooled', key: first, endpoint: 'default', model: 'any' },
    ]);
    const until = pipe.clock.wallTime() + 30_000;
    expect(pipe.states.list()).toContainEqual(
      expect.objectContaining({ id: first, state: 'cooling', model: 'any', version: 1 }),
    );
    const line = pipe.states.list().find(({ state }) => state === 'cooling');
    expect(line?.until).toBeGreaterThanOrEqual(until);
    expect(line?.until).toBeLessThanOrEqual(until + 3_000);
  });

  test('of every key is handed on, and then answered here until the first of them may be asked again', async () => {
    await using pipe = await keyed(
      [bad(429, { 'retry-after': '30' }), bad(429, { 'retry-after': '10' }), good(), good()],
      {
        keys: [key('a'), key('b')],
      },
    );
    expect(await status(pipe.post())).toBe(429);
    const response = await pipe.post();
    expect(response.status).toBe(429);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(10);
    expect(Number(response.headers.get('retry-after'))).toBeLessThanOrEqual(11);
    expect(pipe.transport.requests).toHaveLength(2);
    await pipe.clock.advance(11_000);
    expect(await statuses(pipe, 2)).toEqual([200, 200]);
    expect(pipe.sent()[2]).toBe(pipe.sent()[1]);
  });

  test.each<[string, Record<string, string>, number]>([
    ['0', { 'retry-after': '0' }, 0],
    ['3600, longer than allowed', { 'retry-after': '3600' }, 600_000],
    ['a date', { 'retry-after': new Date(Date.UTC(2026, 0, 1, 0, 0, 20)).toUTCString() }, 20_000],
    ['garbage', { 'retry-after': 'soon' }, 5_000],
    ['nothing', {}, 5_000],
    [
      'a time of reset',
      {
        'anthropic-ratelimit-requests-remaining': '5',
        'anthropic-ratelimit-requests-reset': '2026-01-01T00:09:00Z',
        'anthropic-ratelimit-input-tokens-remaining': '0',
        'anthropic-ratelimit-input-tokens-reset': '2026-01-01T00:00:40Z',
      },
      40_000,
    ],
    [
      'a duration until reset',
      { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '1m2.5s' },
      62_500,
    ],
  ])('with retry-after %s rests the key as long', async (_what, headers, expected) => {
    await using pipe = await keyed([bad(429, headers), good()], { keys: [key('a')] });
    expect(await status(pipe.post())).toBe(429);
    const forMs = pipe.events[0]?.forMs ?? -1;
    expect(forMs).toBeGreaterThanOrEqual(expected);
    expect(forMs).toBeLessThanOrEqual(expected * 1.1);
  });

  test('is tried by one call alone when the rest is over', async () => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    await using pipe = await keyed([bad(429, { 'retry-after': '1' }), () => promise, good(), good()], {
      keys: [key('a')],
    });
    await status(pipe.post());
    await pipe.clock.advance(1_100);
    const probe = status(pipe.post());
    await pipe.clock.advance(1);
    expect(await statuses(pipe, 3)).toEqual([429, 429, 429]);
    expect(pipe.transport.requests).toHaveLength(2);
    resolve(good());
    expect(await probe).toBe(200);
    expect(await statuses(pipe, 2)).toEqual([200, 200]);
  });

  test('lets the next call try when the one that tries is lost', async () => {
    const silence = new Promise<never>(() => undefined);
    await using pipe = await keyed([bad(429, { 'retry-after': '1' }), () => silence, good()], {
      keys: [key('a')],
    });
    await status(pipe.post());
    await pipe.clock.advance(1_100);
    void pipe.post().catch(() => undefined);
    await pipe.clock.advance(2_000);
    expect(await status(pipe.post())).toBe(200);
  });

  test('is not forgotten because of an answer that was asked for before', async () => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    await using pipe = await keyed([() => promise, bad(429, { 'retry-after': '9' })], { keys: [key('a')] });
    const early = status(pipe.post());
    await pipe.clock.advance(1);
    expect(await status(pipe.post())).toBe(429);
    resolve(good());
    expect(await early).toBe(200);
    expect(await status(pipe.post())).toBe(429);
    expect(pipe.transport.requests).toHaveLength(2);
  });

  test('inside a stream rests the key too', async () => {
    const failed = streamAnswer(errorEvent(dialect, 429));
    await using pipe = await keyed([failed], { keys: [key('a')] });
    await status(pipe.post({ stream: true }));
    expect(pipe.events).toMatchObject([{ type: 'key-cooled', key: 'a' }]);
  });

  test('that is a spend cap puts the key aside, with an explanation', async () => {
    await using pipe = await keyed([bad(429, {}, 'enforced_spend_limit_reached'), good(), good()], {
      keys: [key('a'), key('b')],
    });
    expect(await statuses(pipe, 2)).toEqual([200, 200]);
    expect(pipe.events).toMatchObject([
      { type: 'key-quarantined', reason: expect.stringMatching(/spend cap.*enforced_spend_limit_reached/) },
    ]);
    const [first, ...others] = pipe.sent();
    expect(others).not.toContain(first);
  });
});

describe('a 401', () => {
  test('puts the key aside, and another takes the call, once', async () => {
    await using pipe = await keyed([bad(401), good(), good()], { keys: [key('a'), key('b')] });
    expect(await statuses(pipe, 2)).toEqual([200, 200]);
    const [first, second, third] = pipe.sent();
    expect(second).not.toBe(first);
    expect(third).toBe(second);
    expect(pipe.events).toMatchObject([
      { type: 'key-quarantined', key: first, reason: expect.stringContaining('(401, authentication_error') },
    ]);
    expect(pipe.states.list()).toContainEqual(expect.objectContaining({ id: first, state: 'quarantined' }));
    expect(pipe.outcomes).toMatchObject([{ attempts: 2 }, { attempts: 1 }]);
  });

  test('of two keys ends the attempt, though there is a third', async () => {
    await using pipe = await keyed([bad(401), bad(401)], { keys: [key('a'), key('b'), key('c')] });
    expect(await status(pipe.post())).toBe(502);
    expect(pipe.transport.requests).toHaveLength(2);
  });

  test('of the only key is the operator’s trouble: the caller is told so, and nothing of the key', async () => {
    const quoting = new Response(
      '{"error":{"type":"invalid_request_error","code":"invalid_api_key","message":"Incorrect API key provided: secret-a"}}',
      { status: 401, headers: { ...JSON_TYPE, 'x-request-id': 'req_7' } },
    );
    await using pipe = await keyed([quoting], { keys: [key('a')] });
    for (let i = 0; i < 2; i++) {
      const response = await pipe.post();
      expect(response.status).toBe(502);
      expect(response.headers.get('x-should-retry')).toBe('false');
      expect(await response.json()).toMatchObject({
        error: { message: 'The upstream does not accept the credentials of this service.' },
      });
    }
    expect(pipe.transport.requests).toHaveLength(1);
    expect(pipe.outcomes).toMatchObject([
      { kind: 'upstream-error', cause: { cause: expect.stringContaining('(401, invalid_api_key, req_7)') } },
      { kind: 'upstream-error', cause: { cause: expect.stringContaining('key "a" is quarantined') } },
    ]);
    expect(JSON.stringify(pipe.events)).not.toContain('secret-a');
  });

  test('is forgotten after a time, for one more try', async () => {
    await using pipe = await keyed([bad(401), good()], { keys: [key('a')], quarantineMs: 60_000 });
    await status(pipe.post());
    await pipe.clock.advance(59_999);
    expect(await status(pipe.post())).toBe(502);
    await pipe.clock.advance(1);
    expect(await status(pipe.post())).toBe(200);
  });
});

test('a 402 puts the key aside, and is handed on whole when there is no other', async () => {
  await using pipe = await keyed([bad(402)], { keys: [key('a')] });
  const response = await pipe.post();
  expect(response.status).toBe(402);
  expect(await response.text()).toBe(errorBody(dialect, 402));
  expect(pipe.events).toMatchObject([{ type: 'key-quarantined', reason: expect.stringContaining('paid') }]);
});

test('a 403 is explained to the operator and handed on whole; no key is put aside, none is asked instead', async () => {
  await using pipe = await keyed([bad(403), good()], {
    keys: [key('a'), key('b')],
    principal: { id: 'app' },
  });
  const response = await pipe.post();
  expect(response.status).toBe(403);
  expect(await response.text()).toBe(errorBody(dialect, 403));
  expect(pipe.transport.requests).toHaveLength(1);
  expect(pipe.events).toMatchObject([
    {
      type: 'key-forbidden',
      model: 'any',
      reason: expect.stringMatching(/a region.*\(403, permission_error/),
    },
  ]);
  expect(pipe.states.list().map(({ state }) => state)).toEqual(['active', 'active']);
});

test.each([400, 404, 413, 422, 500, 529])('a %i says nothing of the key', async (code) => {
  await using pipe = await keyed([bad(code)], { keys: [key('a'), key('b')] });
  const response = await pipe.post();
  expect(response.status).toBe(code);
  expect(await response.text()).toBe(errorBody(dialect, code));
  expect(pipe.events).toEqual([]);
});

describe.each([400, 403, 429, 500])('a %i that quotes the key', (code) => {
  test.each([
    ['application/json', '{"error":{"message":"you sent Bearer secret\\u002da"}}'],
    ['application/json', '{"error":{"message":"you sent Bearer secret-a", broken'],
    ['text/plain', 'authorization: Bearer secret-a'],
    ['text/html', '<pre>authorization: Bearer secret-a</pre>'],
  ])('(%s, %s) is not handed on', async (type, body) => {
    const quoting = new Response(body, { status: code, headers: { 'content-type': type } });
    await using pipe = await keyed([quoting], { keys: [key('a')] });
    const response = await pipe.post();
    // What the provider does not allow here is not asked elsewhere.
    expect(response.status).toBe(code === 403 ? 403 : 502);
    expect(await response.text()).not.toContain('secret');
    expect(pipe.outcomes).toMatchObject([
      {
        cause: {
          code: code === 403 ? 'forbidden' : 'bad_answer',
          cause: expect.stringContaining(String(code)),
        },
      },
    ]);
  });
});

test('a 429 that quotes the key rests it, and another key takes the call', async () => {
  const quoting: ScriptedAnswer = ({ headers }) =>
    new Response(String(headers['authorization']), {
      status: 429,
      headers: { 'content-type': 'text/plain' },
    });
  await using pipe = await keyed([quoting, good()], { keys: [key('a'), key('b')] });
  expect(await status(pipe.post())).toBe(200);
  expect(pipe.events).toMatchObject([{ type: 'key-cooled' }]);
});

describe('which key', () => {
  const keys = ['a', 'b', 'c', 'd'].map(key);
  const answers = Array.from({ length: 64 }, () => good);

  test('a caller gets is always the same; callers spread', async () => {
    const seen = new Set<string | undefined>();
    for (let i = 0; i < 40; i++) {
      await using pipe = await keyed(answers, {
        keys,
        principal: { id: 'app', tenant: `tenant-${i}` },
        poolScope: 'shared',
      });
      await statuses(pipe, 3);
      expect(new Set(pipe.sent()).size).toBe(1);
      seen.add(pipe.sent()[0]);
    }
    expect(seen.size).toBe(4);
  });

  test('a call of nobody gets has the fewer under way of two', async () => {
    const open = Array.from({ length: 8 }, () => streamAnswer(anthropicStream()));
    await using pipe = await keyed(open, { keys: keys.slice(0, 2) });
    const responses: Response[] = [];
    for (let i = 0; i < 8; i++) responses.push(await pipe.post({ stream: true }));
    expect(pipe.states.list().map(({ inFlight }) => inFlight)).toEqual([4, 4]);
    for (const response of responses) await response.text();
    expect(pipe.states.list().map(({ inFlight }) => inFlight)).toEqual([0, 0]);
  });
});

describe('options', () => {
  test.each<[unknown, string]>([
    [{}, 'it has no keys'],
    [{ keys: [] }, 'it has no keys'],
    [{ keys: ['sk-ant-api03-canary'] }, 'a key itself does not belong into options'],
    [{ tenants: { acme: 'sk-ant-api03-canary' } }, 'option "tenants.acme": must be a list of sources'],
    [{ endpoints: { eu: 'sk-ant-api03-canary' } }, 'option "endpoints.eu"'],
    [{ endpoints: 'sk-ant-api03-canary' }, 'must be a map from endpoints to their keys'],
    [{ tenants: 'sk-ant-api03-canary' }, 'must be a map from tenants to their keys'],
    [{ keys: [key('a')], headers: 'x-api-key: canary' }, 'must be a map of text'],
    [{ keys: [key('a'), key('a')] }, 'two keys of the same id'],
    [{ keys: [key('a')], header: 'cookie' }, 'must be "authorization"'],
    [{ keys: [key('a')], headers: { 'X-Project': 'p' } }, 'lower-case'],
    [{ keys: [key('a')], headers: { 'x-api-key': 'p' } }, 'must not hold keys'],
    [{ endpoints: { eu: {} } }, 'must have keys or tenants'],
    [{ keys: [key('a')], poolScope: 'all' }, '"tenant" or "shared"'],
    [{ keys: [key('a')], coolMs: 9, maxCoolMs: 8 }, 'coolMs must be at most maxCoolMs'],
    [{ keys: [key('a')], ttl: 1 }, 'ttl'],
  ])('%j is refused', (options, complaint) => {
    const make = () =>
      createPipeline({ upstream: 'https://a.test', plugins: [credentials(options as CredentialsOptions)] });
    expect(make).toThrow(TypeError);
    expect(make).toThrow(complaint);
    expect(make).not.toThrow('canary');
  });

  test('are described without a key', async () => {
    await using pipe = await keyed([], { keys: [key('a')] });
    expect(JSON.stringify(pipe.pipeline.describe())).not.toContain('secret-');
  });
});

test('the state of keys outlives the pipeline that found it out', async () => {
  const states = new KeyStates();
  const services = [provide(KEY_STATES, () => states)];
  {
    await using first = await keyed([bad(401)], { keys: [key('a')] }, { services });
    expect(await status(first.post())).toBe(502);
  }
  await using second = await keyed([], { keys: [key('a')] }, { services });
  expect(await status(second.post())).toBe(502);
  expect(second.transport.requests).toHaveLength(0);
  expect(states.list()).toHaveLength(1);
});

test('an operator who asks for no events is warned, once a minute', async () => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  await using pipe = await keyed([bad(403), bad(403), bad(403)], {
    keys: [key('a')],
    onEvent: undefined as never,
  });
  await statuses(pipe, 2);
  expect(warned.mock.calls).toHaveLength(1);
  expect(String(warned.mock.calls[0]?.[0])).toMatch(/^key-forbidden: the key "a" of endpoint "default": /);
  await pipe.clock.advance(60_000);
  await statuses(pipe, 1);
  expect(warned.mock.calls).toHaveLength(2);
  warned.mockRestore();
});

test('a listener that throws breaks no call', async () => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  const onEvent = () => {
    throw new Error('oh');
  };
  await using pipe = await keyed([bad(403)], { keys: [key('a')], onEvent });
  expect(await status(pipe.post())).toBe(403);
  expect(warned).toHaveBeenCalledOnce();
  warned.mockRestore();
});
