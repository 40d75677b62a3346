import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BehaviourInput } from '../testing/fake-upstream/behaviours/choose-behaviour.ts';
import { fakeUpstream, type FakeUpstream } from '../testing/fake-upstream.ts';
import { SocketCase } from '../testing/socket-case.ts';
import { tcpServer } from '../testing/tcp-server.ts';
import { definePlugin } from '../plugin.ts';

let upstream: FakeUpstream;
let over: SocketCase;
beforeAll(async () => {
  upstream = await fakeUpstream();
});
afterAll(() => upstream.close());
beforeEach(() => {
  over = new SocketCase(upstream);
});
afterEach(() => over[Symbol.asyncDispose]());

const whole = (body: string, ...headers: readonly string[]): string =>
  [
    'HTTP/1.1 200 OK',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    ...headers,
    '',
    body,
  ].join('\r\n');

describe('what goes over the wire', () => {
  it('is the method, path, query and body of the call, its headers by policy, framing rebuilt', async () => {
    const body = JSON.stringify({
      model: 'm',
      max_tokens: 1,
      messages: [{ role: 'user', content: 'ü'.repeat(1_000_000) }],
    });
    const { status } = await over.post(
      {},
      {
        body,
        headers: {
          'X-Api-Key': 'k',
          cookie: 'c',
          'x-forwarded-for': '10.0.0.1',
          'accept-encoding': 'br',
          connection: 'x-hop',
          'x-hop': '1',
        },
      },
    );
    expect(status).toBe(200);
    const [request] = upstream.requests;
    expect(request?.text()).toBe(body);
    expect(request).toMatchObject({ method: 'POST', path: '/v1/messages' });
    expect(request?.headers).toEqual({
      host: new URL(upstream.url).host,
      connection: 'keep-alive',
      'x-api-key': 'k',
      'content-type': 'text/plain;charset=UTF-8',
      'accept-encoding': 'identity',
      'content-length': String(Buffer.byteLength(body)),
    });
  });

  it('comes back with the headers of the provider, less what its edge adds', async () => {
    const { response } = await over.post();
    expect(response.headers.get('request-id')).toMatch(/^req_/);
    expect(response.headers.get('anthropic-ratelimit-requests-limit')).toBe('4000');
    for (const name of [
      'set-cookie',
      'server',
      'cf-ray',
      'via',
      'transfer-encoding',
      'connection',
      'alt-svc',
    ]) {
      expect(response.headers.get(name), name).toBeNull();
    }
  });

  it('may be any method; HEAD has no body', async () => {
    for (const method of ['GET', 'DELETE', 'HEAD']) {
      const response = await over.test.pipeline.fetch('https://x.test/v1/models', { method });
      expect((await response.text()).length > 0).toBe(method !== 'HEAD');
      await nextTurn();
    }
    expect(upstream.requests.map(({ method }) => method)).toEqual(['GET', 'DELETE', 'HEAD']);
    expect(upstream.connections).toBe(1);
  });

  it('goes where a plugin sends it', async () => {
    await using other = await fakeUpstream();
    const moving = definePlugin({
      name: 'moving',
      create: () => ({
        handle: (request, next) => next({ ...request, url: `${other.url}/eu/v1/messages?a=1` }),
      }),
    });
    await over.reassemble({ plugins: [moving()] });
    expect((await over.post()).status).toBe(200);
    expect(other.requests.map(({ path }) => path)).toEqual(['/eu/v1/messages?a=1']);
    expect(upstream.requests).toHaveLength(0);
  });

  it('does not go where keys would travel in clear', async () => {
    const moving = definePlugin({
      name: 'moving',
      create: () => ({
        handle: (request, next) => next({ ...request, url: 'http://192.0.2.1/v1/messages' }),
      }),
    });
    await over.reassemble({ plugins: [moving()] });
    expect(await over.post()).toMatchObject({ status: 502, code: 'connect_failed' });
  });

  it('neither follows a redirect nor hands it on', async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      upstream.reply({ kind: 'redirect', status, location: `${upstream.url}/elsewhere` });
      const { response } = await over.post();
      expect([response.status, response.headers.get('location')]).toEqual([502, null]);
    }
    expect(upstream.requests).toHaveLength(5);
  });

  it('is refused as invalid_request when a header cannot be sent', async () => {
    for (const headers of [
      { 'x-odd': 'a\r\nx-injected: 1' },
      { 'x-odd': 'a\u0000b' },
      { 'x odd': '1' },
      { 'x-odd': '😀' },
    ] as Record<string, string>[]) {
      const setting = definePlugin({
        name: 'setting',
        create: () => ({ handle: (request, next) => next({ ...request, headers }) }),
      });
      await over.reassemble({ plugins: [setting()] });
      expect(await over.post(), JSON.stringify(headers)).toMatchObject({
        status: 400,
        code: 'invalid_request',
      });
    }
    expect(upstream.requests).toHaveLength(0);
  });
});

describe('an upstream that cannot be reached', () => {
  it('refuses the connection: connect_failed', async () => {
    await using gone = await tcpServer(() => undefined);
    await gone[Symbol.asyncDispose]();
    await over.reassemble({ upstream: gone.url });
    expect(await over.post()).toMatchObject({ status: 502, code: 'connect_failed', kind: 'upstream-error' });
  });

  it.each<readonly [string, BehaviourInput]>([
    ['resets', { kind: 'reset-before-headers' }],
    ['closes', { kind: 'close-before-headers' }],
  ])('%s before it answers: connection_lost, and it was asked once', async (_, behaviour) => {
    upstream.reply(behaviour);
    expect(await over.post()).toMatchObject({ status: 502, code: 'connection_lost', kind: 'upstream-error' });
    expect(upstream.requests).toHaveLength(1);
  });

  it('breaks off inside its headers: connection_lost, and it was asked once, be the connection new or used', async () => {
    await using server = await tcpServer((socket, n) => {
      let requests = 0;
      socket.on('data', (data) => {
        if (!String(data).startsWith('POST')) return;
        if (n === 2 && ++requests === 1) socket.write(whole('{}'));
        else socket.write('HTTP/1.1 200 OK\r\ncontent-ty', () => socket.resetAndDestroy());
      });
    });
    await over.reassemble({ upstream: server.url });
    expect(await over.post()).toMatchObject({ status: 502, code: 'connection_lost' });
    expect(await over.post()).toMatchObject({ status: 200, body: '{}' });
    expect(await over.post()).toMatchObject({ status: 502, code: 'connection_lost' });
    expect(over.test.outcomes.map(({ attempts }) => attempts)).toEqual([1, 1, 1]);
  });
});

describe('a connection that is kept', () => {
  it('serves the next call', async () => {
    for (let i = 0; i < 5; i++)
      expect(await over.post({ stream: i % 2 === 0 })).toMatchObject({ status: 200 });
    expect(upstream.connections).toBe(1);
  });

  it('and is closed by the upstream as the next call goes out, is replaced: nobody notices', async () => {
    for (const ending of ['fin', 'rst'] as const) {
      upstream.reset();
      await over.reassemble({});
      upstream.reply({ kind: 'keep-alive-race', ending });
      expect(await over.post()).toMatchObject({ status: 200 });
      expect(await over.post({}), ending).toMatchObject({ status: 200, kind: 'completed' });
      expect(
        upstream.requests.map(({ connection }) => connection - (upstream.requests[0]?.connection ?? 0)),
        ending,
      ).toEqual([0, 0, 1]);
      expect(over.test.outcomes[1]?.attempts).toBe(1);
    }
  });

  it('is not trusted twice: when the fresh one is closed too, the call has failed', async () => {
    await using server = await tcpServer((socket, n) => {
      let requests = 0;
      socket.on('data', (data) => {
        if (!String(data).startsWith('POST')) return;
        if (n === 1 && ++requests === 1) socket.write(whole('{}'));
        else socket.destroy();
      });
    });
    await over.reassemble({ upstream: server.url });
    expect(await over.post()).toMatchObject({ status: 200 });
    expect(await over.post()).toMatchObject({ status: 502, code: 'connection_lost' });
  });

  it('and poisoned with bytes behind an answer, never answers another call with them', async () => {
    upstream.reply({ kind: 'extra-bytes' });
    expect(await over.post()).toMatchObject({ status: 200 });
    for (let i = 0; i < 3; i++) {
      const { status, body } = await over.post();
      expect(status).toBe(200);
      expect(body).not.toContain('poisoned');
    }
  });

  it('is closed after keepAliveMs, also when the upstream would keep it longer', async () => {
    for (const hints of [[], ['keep-alive: timeout=60']]) {
      const closed = Promise.withResolvers<void>();
      await using server = await tcpServer((socket) => {
        socket.on('close', () => closed.resolve());
        socket.on('data', () => socket.write(whole('{}', ...hints)));
      });
      await over.reassemble({ upstream: server.url, transport: { keepAliveMs: 1 } });
      expect(await over.post()).toMatchObject({ status: 200 });
      await closed.promise;
    }
  });

  it('is not waited for by an answer that nobody needs', async () => {
    const retrying = definePlugin({
      name: 'retrying',
      create: () => ({
        handle: async (request, next) => {
          await (await next(request)).body?.cancel();
          return next(request);
        },
      }),
    });
    await over.reassemble({ plugins: [retrying()] });
    upstream.reply({ kind: 'flood', bytes: Infinity });
    expect(await over.post()).toMatchObject({ status: 200 });
    expect(await upstream.requests[0]?.closed).toBe('aborted');
  });
});

describe('the end of a pipeline', () => {
  it('closes idle connections at once', async () => {
    const closed = Promise.withResolvers<void>();
    await using server = await tcpServer((socket) => {
      socket.on('close', () => closed.resolve());
      socket.on('data', (data) => String(data).startsWith('POST') && socket.write(whole('{}')));
    });
    await over.reassemble({ upstream: server.url });
    expect(await over.post()).toMatchObject({ status: 200 });
    await over.test.pipeline.close();
    await closed.promise;
  });

  it('refuses what comes later, and opens no connection for it', async () => {
    await over.test.pipeline.close();
    expect((await over.test.post()).status).toBe(503);
    expect(upstream.requests).toHaveLength(0);
  });
});
