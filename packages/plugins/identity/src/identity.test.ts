import {
  ALLOWED_REGIONS,
  createPipeline,
  definePlugin,
  LIMITS,
  PipelineError,
  PRINCIPAL,
  provide,
  type State,
} from '@sluice/core';
import {
  anthropicMessage,
  fakeClock,
  type TestPipeline,
  testPipeline,
  type TestPipelineOptions,
} from '@sluice/core/testing';
import { describe, expect, test, vi } from 'vitest';
import {
  identity,
  type IdentityOptions,
  issueKey,
  KEY_DIRECTORY,
  type KeyDirectory,
  redisKeyDirectory,
  type RedisKeyDirectoryOptions,
  type RedisReader,
  type VirtualKey,
} from './index.ts';

/** A directory that counts how often it is asked. */
function directoryOf(...keys: readonly VirtualKey[]): KeyDirectory & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    find: (id) => {
      asked.push(id);
      return keys.find((key) => key.id === id);
    },
  };
}

/** What the plugins further in are told of the caller. */
function witness(seen: unknown[]) {
  return definePlugin({
    name: 'witness',
    create: () => ({
      handle: (request, next, { state }) => {
        seen.push({
          principal: state.get(PRINCIPAL),
          limits: state.get(LIMITS),
          regions: state.get(ALLOWED_REGIONS),
        });
        // Where routing would have sent it.
        return next({ ...request, endpoint: { id: 'eu', region: 'eu' } });
      },
    }),
  })();
}

interface Identified extends TestPipeline {
  readonly seen: unknown[];
}

function identified(
  directory: KeyDirectory,
  options: IdentityOptions = {},
  others: TestPipelineOptions = {},
): Identified {
  const seen: unknown[] = [];
  const pipe = testPipeline({
    answers: Array.from({ length: 4 }, () => () => new Response(anthropicMessage(), JSON_HEADERS)),
    plugins: [identity(options), witness(seen)],
    services: [provide(KEY_DIRECTORY, () => directory)],
    ...others,
  });
  return { ...pipe, seen, [Symbol.asyncDispose]: () => pipe[Symbol.asyncDispose]() };
}

const JSON_HEADERS = { headers: { 'content-type': 'application/json' } };
const bearer = (text: string): RequestInit => ({
  headers: { 'content-type': 'application/json', authorization: `Bearer ${text}` },
});
const status = async (pending: Promise<Response>): Promise<number> => {
  const response = await pending;
  await response.text();
  return response.status;
};

describe('a valid key', () => {
  test('makes its owner the principal, with tenant, labels, limits and regions', async () => {
    const { text, key } = issueKey({
      principal: 'billing-bot',
      tenant: 'acme',
      labels: { team: 'billing' },
      limits: { requests: 60 },
      regions: ['eu'],
    });
    await using pipe = identified(directoryOf(key));
    expect(await status(pipe.post({}, bearer(text)))).toBe(200);
    expect(pipe.seen).toEqual([
      {
        principal: { id: 'billing-bot', tenant: 'acme', labels: { team: 'billing', key: key.id } },
        limits: { requests: 60 },
        regions: ['eu'],
      },
    ]);
  });

  test('that says nothing more is its own principal and may do everything', async () => {
    const { text, key } = issueKey();
    await using pipe = identified(directoryOf(key));
    expect(await status(pipe.post({}, bearer(text)))).toBe(200);
    expect(pipe.seen).toEqual([{ principal: { id: key.id, labels: { key: key.id } } }]);
  });

  test.each([
    ['authorization', (text: string) => `Bearer ${text}`],
    ['authorization', (text: string) => `bearer  ${text}`],
    ['x-api-key', (text: string) => text],
    ['api-key', (text: string) => text],
  ])('is taken from %s, and goes no further', async (header, value) => {
    const { text, key } = issueKey();
    await using pipe = identified(directoryOf(key));
    const headers = { 'content-type': 'application/json', 'anthropic-beta': 'a', [header]: value(text) };
    expect(await status(pipe.post({}, { headers }))).toBe(200);
    const [sent] = pipe.transport.requests;
    expect(sent?.headers).toEqual({ 'content-type': 'application/json', 'anthropic-beta': 'a' });
    expect(JSON.stringify(sent)).not.toContain(text);
  });

  test('may come in two headers, if it is the same', async () => {
    const { text, key } = issueKey();
    const directory = directoryOf(key);
    await using pipe = identified(directory);
    const both = { authorization: `Bearer ${text}`, 'x-api-key': text };
    expect(await status(pipe.post({}, { headers: both }))).toBe(200);
    const two = { authorization: `Bearer ${text}`, 'x-api-key': issueKey().text };
    expect(await status(pipe.post({}, { headers: two }))).toBe(400);
    const basic = { authorization: 'Basic YTpi', 'x-api-key': text };
    expect(await status(pipe.post({}, { headers: basic }))).toBe(400);
    expect(directory.asked).toHaveLength(1);
  });

  test('in the query is not taken, and does not go upstream', async () => {
    const { text, key } = issueKey();
    await using pipe = identified(directoryOf(key));
    const url = `https://caller.test/v1/messages?beta=true&api_key=${text}`;
    const init = { method: 'POST', body: '{"model":"m","messages":[]}' };
    expect(await status(pipe.pipeline.fetch(url, init))).toBe(401);
    expect(await status(pipe.pipeline.fetch(url, { ...init, ...bearer(text) }))).toBe(200);
    expect(pipe.transport.requests.map(({ url }) => url)).toEqual([
      'https://upstream.test/v1/messages?beta=true',
    ]);
  });

  test('leaves of the regions that the host allows only its own', async () => {
    const { text, key } = issueKey({ regions: ['eu', 'us'] });
    await using pipe = identified(directoryOf(key));
    const inbound = {
      method: 'POST',
      target: '/v1/messages',
      headers: { 'x-api-key': text },
      body: Buffer.from('{"model":"m","messages":[]}'),
    };
    const seed = (state: State): void => {
      state.set(ALLOWED_REGIONS, ['eu', 'ap']);
    };
    expect(await status(pipe.pipeline.handle(inbound, seed))).toBe(200);
    expect(pipe.seen).toMatchObject([{ regions: ['eu'] }]);
  });
});

describe('refused alike are', () => {
  const now = Date.UTC(2026, 0, 1);
  const good = issueKey();
  const revoked = issueKey();
  const expired = issueKey({ expiresAt: new Date(now).toISOString() });
  const other = issueKey({}, { prefix: 'sk-other' });
  const keys = [good.key, { ...revoked.key, revokedAt: '2025-01-01T00:00:00Z' }, expired.key, other.key];

  test.each<[string, Record<string, string>, number]>([
    ['no key', {}, 0],
    ['an empty one', { authorization: '' }, 0],
    ['a login', { authorization: 'Basic YTpi' }, 0],
    ['a provider’s key', { 'x-api-key': 'sk-ant-api03-abcdefghijklmnopqrstuvwxyz' }, 0],
    ['a key with a letter changed', { 'x-api-key': mistyped(good.text) }, 0],
    ['a key with another prefix', { 'x-api-key': other.text }, 0],
    ['a key cut short', { 'x-api-key': good.text.slice(0, -1) }, 0],
    ['an unknown key', { 'x-api-key': issueKey().text }, 1],
    ['a revoked key', { 'x-api-key': revoked.text }, 1],
    ['an expired key', { 'x-api-key': expired.text }, 1],
  ])('%s', async (_what, headers, lookUps) => {
    const directory = directoryOf(...keys);
    await using pipe = identified(directory);
    const response = await pipe.post({}, { headers });
    expect(response.status).toBe(401);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(await response.json()).toEqual({
      type: 'error',
      error: { type: 'authentication_error', message: 'The credentials are missing or not valid.' },
      request_id: expect.any(String),
    });
    expect(directory.asked).toHaveLength(lookUps);
    expect(pipe.transport.requests).toHaveLength(0);
    expect(pipe.outcomes).toMatchObject([{ kind: 'refused', status: 401, cause: { plugin: 'identity' } }]);
    expect((pipe.outcomes[0]?.cause as Error | undefined)?.cause).toBeTypeOf('string');
  });

  test('the same id with another secret', async () => {
    const forged = { ...issueKey().key, id: good.key.id };
    await using pipe = identified(directoryOf(forged));
    expect(await status(pipe.post({}, bearer(good.text)))).toBe(401);
  });

  test('in the dialect of each format', async () => {
    for (const dialect of ['openai-chat', 'openai-responses'] as const) {
      await using pipe = identified(directoryOf(), {}, { dialect });
      const response = await pipe.post();
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({
        error: { code: 'unauthenticated', type: expect.any(String) },
      });
    }
  });

  test('a key made with another hmacKey, without a look-up', async () => {
    const hmacKey = 'a'.repeat(32);
    const ours = issueKey({}, { hmacKey });
    const directory = directoryOf(ours.key, good.key);
    await using pipe = identified(directory, { hmacKey });
    expect(await status(pipe.post({}, bearer(good.text)))).toBe(401);
    expect(directory.asked).toHaveLength(0);
    expect(await status(pipe.post({}, bearer(ours.text)))).toBe(200);
  });

  test('a key at the moment it expires, not before', async () => {
    const soon = issueKey({ expiresAt: new Date(now + 5_000).toISOString() });
    await using pipe = identified(directoryOf(soon.key));
    await pipe.clock.advance(4_999);
    expect(await status(pipe.post({}, bearer(soon.text)))).toBe(200);
    await pipe.clock.advance(1);
    expect(await status(pipe.post({}, bearer(soon.text)))).toBe(401);
  });
});

function mistyped(text: string): string {
  const at = text.length - 20;
  return text.slice(0, at) + (text[at] === 'x' ? 'y' : 'x') + text.slice(at + 1);
}

describe('the models of a key', () => {
  const { text, key } = issueKey({ models: ['claude-opus-5-5', 'claude-haiku-*'] });

  test.each([
    ['claude-opus-5-5', 200],
    ['claude-haiku-4-5', 200],
    ['claude-opus-5-5-fast', 403],
    ['claude-sonnet-4-6', 403],
    [undefined, 403],
    [7, 403],
  ])('%s is answered %i', async (model, expected) => {
    await using pipe = identified(directoryOf(key));
    const response = await pipe.post({ model }, bearer(text));
    expect(response.status).toBe(expected);
    if (expected === 403) {
      expect(await response.json()).toMatchObject({
        error: { type: 'permission_error', message: 'This key may not use this model.' },
      });
      expect(pipe.transport.requests).toHaveLength(0);
    }
  });

  test.each([
    [{ fallbacks: [{ model: 'claude-haiku-4-5' }] }, 200],
    [{ fallbacks: [{ model: 'claude-haiku-4-5' }, { model: 'claude-sonnet-4-6' }] }, 403],
    [{ tools: [{ type: 'advisor_20260301', name: 'advisor', model: 'claude-sonnet-4-6' }] }, 403],
  ])('bind every model that a request names: %j is answered %i', async (others, expected) => {
    await using pipe = identified(directoryOf(key));
    expect(await status(pipe.post({ model: 'claude-haiku-4-5', ...others }, bearer(text)))).toBe(expected);
    expect(pipe.transport.requests).toHaveLength(expected === 200 ? 1 : 0);
  });

  test('bind calls of no known format too, where a batch could name any', async () => {
    await using pipe = identified(directoryOf(key));
    const ask = (method: string, path: string): Promise<number> =>
      status(
        pipe.pipeline.fetch(`https://caller.test${path}`, {
          ...bearer(text),
          method,
          ...(method === 'POST' ? { body: '{"model":"claude-opus-5-5"}' } : {}),
        }),
      );
    expect(await ask('POST', '/v1/messages/batches')).toBe(403);
    expect(await ask('GET', '/v1/models')).toBe(200);
  });
});

describe('the host application’s own login', () => {
  const host = (state: State): void => {
    state.set(PRINCIPAL, { id: 'user-7', tenant: 'acme' });
  };
  const inbound = (headers: Record<string, string> = {}) => ({
    method: 'POST',
    target: '/v1/messages',
    headers,
    body: Buffer.from('{"model":"m","messages":[]}'),
  });

  test('takes the place of a key where that is allowed, and ends here too', async () => {
    const directory = directoryOf();
    await using pipe = identified(directory, { acceptHost: true });
    const headers = { authorization: 'Bearer session-token', accept: '*/*' };
    expect(await status(pipe.pipeline.handle(inbound(headers), host))).toBe(200);
    expect(pipe.seen).toEqual([{ principal: { id: 'user-7', tenant: 'acme' } }]);
    expect(pipe.transport.requests[0]?.headers).toEqual({ accept: '*/*' });
    expect(directory.asked).toHaveLength(0);
  });

  test('does not otherwise: the key says who calls', async () => {
    const { text, key } = issueKey({ principal: 'app' });
    await using pipe = identified(directoryOf(key));
    expect(await status(pipe.pipeline.handle(inbound(), host))).toBe(401);
    expect(await status(pipe.pipeline.handle(inbound({ 'x-api-key': text }), host))).toBe(200);
    expect(pipe.seen).toMatchObject([{ principal: { id: 'app' } }]);
  });

  test('where it is allowed and nobody is logged in, a key is needed', async () => {
    const { text, key } = issueKey();
    await using pipe = identified(directoryOf(key), { acceptHost: true });
    expect(await status(pipe.post())).toBe(401);
    expect(await status(pipe.post({}, bearer(text)))).toBe(200);
  });
});

describe('a directory', () => {
  const { text, key } = issueKey();

  test('may answer later', async () => {
    await using pipe = identified({ find: async () => key });
    expect(await status(pipe.post({}, bearer(text)))).toBe(200);
  });

  test.each<[string, () => never | Promise<never>]>([
    [
      'throws',
      () => {
        throw new Error('down: redis://:hunter2@10.0.0.7');
      },
    ],
    ['rejects', () => Promise.reject(new Error('down: redis://:hunter2@10.0.0.7'))],
  ])('that %s refuses the call as one that may come back, and tells nothing', async (_what, find) => {
    await using pipe = identified({ find });
    const response = await pipe.post({}, bearer(text));
    expect(response.status).toBe(503);
    expect(response.headers.has('x-should-retry')).toBe(false);
    expect(await response.json()).toMatchObject({
      error: { message: 'The caller cannot be verified now. Try again later.' },
    });
    expect(pipe.transport.requests).toHaveLength(0);
  });

  test('that does not answer is waited for as long as was said, and no longer', async () => {
    await using pipe = identified({ find: () => new Promise(() => undefined) }, { lookupTimeoutMs: 300 });
    const pending = status(pipe.post({}, bearer(text)));
    await pipe.clock.advance(299);
    expect(pipe.outcomes).toHaveLength(0);
    await pipe.clock.advance(2);
    expect(await pending).toBe(503);
    expect(pipe.clock.pendingTimers).toBe(0);
  });

  test('is not waited for when the caller leaves', async () => {
    const leaving = new AbortController();
    await using pipe = identified({ find: () => new Promise(() => undefined) });
    const pending = pipe.post({}, { ...bearer(text), signal: leaving.signal });
    await pipe.clock.advance(1);
    leaving.abort(new Error('bye'));
    await expect(pending).rejects.toThrow('bye');
    await pipe.clock.advance(1);
    expect(pipe.outcomes).toMatchObject([{ kind: 'client-abort' }]);
    expect(pipe.clock.pendingTimers).toBe(0);
  });

  test('that gives something else than a key refuses the call', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    await using pipe = identified({ find: () => ({ id: key.id, hash: 'short' }) });
    expect(await status(pipe.post({}, bearer(text)))).toBe(500);
    expect(String(warned.mock.calls[0]?.[0])).toMatch(/plugin "identity" failed/);
    warned.mockRestore();
  });

  test('that gives another key than it was asked for identifies nobody', async () => {
    const { key: another } = issueKey();
    await using pipe = identified({ find: () => ({ ...key, id: another.id }) });
    expect(await status(pipe.post({}, bearer(text)))).toBe(401);
  });

  test('has to be provided', () => {
    expect(() => createPipeline({ upstream: 'https://a.test', plugins: [identity()] })).toThrow(
      'plugin "identity" needs the service "key-directory", and nothing provides it',
    );
  });
});

test.each<[RedisKeyDirectoryOptions, string]>([
  [{ cacheMs: -1 }, 'redisKeyDirectory: option "cacheMs": must be at least 0.'],
  [{ timeoutMs: 0 }, 'option "timeoutMs": must be at least 1.'],
  [{ hash: '' }, 'option "hash": must not be empty.'],
  [{ ttl: 1 } as never, 'redisKeyDirectory: there is no option "ttl".'],
])('a Redis directory refuses %j', (options, complaint) => {
  const redis = {} as RedisReader;
  expect(() => redisKeyDirectory(redis, { clock: fakeClock() }, options)).toThrow(complaint);
});

describe('options', () => {
  test.each<[IdentityOptions, string]>([
    [{ hmacKey: 'short' }, 'at least 32 characters'],
    [{ prefix: 'SK_' }, 'small letters and digits'],
    [{ acceptHost: 'yes' as never }, 'must be true or false'],
    [{ lookupTimeoutMs: 0 }, 'must be at least 1'],
    [{ pepper: 'x' } as never, 'pepper'],
  ])('%j is refused', (options, complaint) => {
    const services = [provide(KEY_DIRECTORY, () => directoryOf())];
    const make = () => createPipeline({ upstream: 'https://a.test', plugins: [identity(options)], services });
    expect(make).toThrow(complaint);
  });

  test('are described without the hmacKey', () => {
    const hmacKey = 'canary'.repeat(8);
    const services = [provide(KEY_DIRECTORY, () => directoryOf())];
    const pipeline = createPipeline({
      upstream: 'https://a.test',
      plugins: [identity({ hmacKey })],
      services,
    });
    expect(JSON.stringify(pipeline.describe())).not.toContain('canary');
  });
});

test('a directory may refuse in its own words', async () => {
  const find = () => Promise.reject(new PipelineError('forbidden'));
  await using pipe = identified({ find });
  expect(await status(pipe.post({}, bearer(issueKey().text)))).toBe(403);
});

test('the form of a key is checked as other options are', () => {
  expect(() => issueKey({}, { form: 1 } as never)).toThrow('issueKey: there is no option "form".');
});
