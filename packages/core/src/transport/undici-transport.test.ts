import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PipelineError } from '../errors.ts';
import { type BehaviourInput } from '../testing/fake-upstream/behaviours/choose-behaviour.ts';
import { anthropicStream } from '../testing/anthropic-wire.ts';
import { fakeUpstream, type FakeUpstream } from '../testing/fake-upstream.ts';
import { type TestPipeline, testPipeline, type TestPipelineOptions } from '../testing/test-pipeline.ts';
import { definePlugin } from '../plugin.ts';

let upstream: FakeUpstream;
let test: TestPipeline;
beforeAll(async () => {
  upstream = await fakeUpstream();
});
afterAll(() => upstream.close());
beforeEach(() => {
  upstream.reset();
  test = pipelineTo(upstream.url);
});
afterEach(() => test[Symbol.asyncDispose]());

function pipelineTo(url: string, options: TestPipelineOptions = {}): TestPipeline {
  return testPipeline({ upstream: url, sockets: true, ...options });
}

/** Uses a pipeline with options of its own for the rest of the test. */
async function reassemble(options: TestPipelineOptions, url = upstream.url): Promise<void> {
  await test[Symbol.asyncDispose]();
  test = pipelineTo(url, options);
}

const codeOf = (n = -1): string | undefined =>
  (test.outcomes.at(n)?.cause as PipelineError | undefined)?.code;
const post = async (fields: Record<string, unknown> = {}, init?: RequestInit) => {
  const response = await test.post(fields, init);
  const body = await response.text().catch((error: unknown) => error as Error);
  // undici gives a connection back one turn after its answer.
  await nextTurn();
  return { status: response.status, body, response, code: codeOf(), kind: test.outcomes.at(-1)?.kind };
};
const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await nextTurn();
};

/** A server that does with each connection what it is told. */
async function tcpServer(
  onConnection: (socket: Socket, n: number) => void,
): Promise<{ url: string; server: Server } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  let n = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onConnection(socket, ++n);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    server,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

const whole = (body: string, ...headers: readonly string[]): string =>
  [
    'HTTP/1.1 200 OK',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    ...headers,
    '',
    body,
  ].join('\r\n');

/** Sends one raw response to each request, and sees how the call comes out. */
async function answeredWith(bytes: string | Uint8Array, ending: 'fin' | 'keep-alive' = 'fin') {
  upstream.reply({ kind: 'raw', bytes, ending });
  return post();
}

describe('what goes over the wire', () => {
  it('is the method, path, query and body of the call, its headers by policy, framing rebuilt', async () => {
    const body = JSON.stringify({
      model: 'm',
      max_tokens: 1,
      messages: [{ role: 'user', content: 'ü'.repeat(1_000_000) }],
    });
    const { status } = await post(
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
    const { response } = await post();
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
      const response = await test.pipeline.fetch('https://x.test/v1/models', { method });
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
    await reassemble({ plugins: [moving()] });
    expect((await post()).status).toBe(200);
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
    await reassemble({ plugins: [moving()] });
    expect(await post()).toMatchObject({ status: 502, code: 'connect_failed' });
  });

  it('never follows a redirect', async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      upstream.reply({ kind: 'redirect', status, location: `${upstream.url}/elsewhere` });
      const { response } = await post();
      expect([response.status, response.headers.get('location')]).toEqual([
        status,
        `${upstream.url}/elsewhere`,
      ]);
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
      await reassemble({ plugins: [setting()] });
      expect(await post(), JSON.stringify(headers)).toMatchObject({ status: 400, code: 'invalid_request' });
    }
    expect(upstream.requests).toHaveLength(0);
  });
});

describe('an upstream that cannot be reached', () => {
  it('refuses the connection: connect_failed', async () => {
    await using gone = await tcpServer(() => undefined);
    await gone[Symbol.asyncDispose]();
    await reassemble({}, gone.url);
    expect(await post()).toMatchObject({ status: 502, code: 'connect_failed', kind: 'upstream-error' });
  });

  it.each<readonly [string, BehaviourInput]>([
    ['resets', { kind: 'reset-before-headers' }],
    ['closes', { kind: 'close-before-headers' }],
  ])('%s before it answers: connection_lost, and it was asked once', async (_, behaviour) => {
    upstream.reply(behaviour);
    expect(await post()).toMatchObject({ status: 502, code: 'connection_lost', kind: 'upstream-error' });
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
    await reassemble({}, server.url);
    expect(await post()).toMatchObject({ status: 502, code: 'connection_lost' });
    expect(await post()).toMatchObject({ status: 200, body: '{}' });
    expect(await post()).toMatchObject({ status: 502, code: 'connection_lost' });
    expect(test.outcomes.map(({ attempts }) => attempts)).toEqual([1, 1, 1]);
    let connections = 0;
    server.server.getConnections((_, count) => (connections = count));
    await nextTurn();
    expect(connections).toBe(0);
  });
});

describe('a connection that is kept', () => {
  it('serves the next call', async () => {
    for (let i = 0; i < 5; i++) expect(await post({ stream: i % 2 === 0 })).toMatchObject({ status: 200 });
    expect(upstream.connections).toBe(1);
  });

  it('and is closed by the upstream as the next call goes out, is replaced: nobody notices', async () => {
    for (const ending of ['fin', 'rst'] as const) {
      upstream.reset();
      await reassemble({});
      upstream.reply({ kind: 'keep-alive-race', ending });
      expect(await post()).toMatchObject({ status: 200 });
      expect(await post({}), ending).toMatchObject({ status: 200, kind: 'completed' });
      expect(
        upstream.requests.map(({ connection }) => connection - (upstream.requests[0]?.connection ?? 0)),
        ending,
      ).toEqual([0, 0, 1]);
      expect(test.outcomes[1]?.attempts).toBe(1);
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
    await reassemble({}, server.url);
    expect(await post()).toMatchObject({ status: 200 });
    expect(await post()).toMatchObject({ status: 502, code: 'connection_lost' });
  });

  it('and poisoned with bytes behind an answer, never answers another call with them', async () => {
    upstream.reply({ kind: 'extra-bytes' });
    expect(await post()).toMatchObject({ status: 200 });
    for (let i = 0; i < 3; i++) {
      const { status, body } = await post();
      expect(status).toBe(200);
      expect(body).not.toContain('poisoned');
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
    await reassemble({ plugins: [retrying()] });
    upstream.reply({ kind: 'flood', bytes: Infinity });
    expect(await post()).toMatchObject({ status: 200 });
    expect(await upstream.requests[0]?.closed).toBe('aborted');
  });
});

describe('an answer that breaks the rules', () => {
  it.each<readonly [string, BehaviourInput]>([
    ['cl-and-te', 'bad-framing; flaw=cl-and-te'],
    ['two lengths', 'bad-framing; flaw=two-cls'],
    ['folded headers', 'bad-framing; flaw=obs-fold'],
    ['bare line feeds', 'bad-framing; flaw=lf-only'],
    ['another protocol', 'bad-framing; flaw=not-http'],
    ['a huge header', 'bad-framing; flaw=huge-header'],
    ['an upgrade that nobody asked for', 'http-101'],
    ['a thousand interim answers', 'informational; count=1000'],
    ['status 999', { kind: 'raw', bytes: 'HTTP/1.1 999 Odd\r\ncontent-length: 2\r\n\r\n{}' }],
    ['status 600', { kind: 'raw', bytes: 'HTTP/1.1 600 Odd\r\ncontent-length: 2\r\n\r\n{}' }],
    ['status 0', { kind: 'raw', bytes: 'HTTP/1.1 000 Odd\r\ncontent-length: 2\r\n\r\n{}' }],
    ['a negative length', { kind: 'raw', bytes: 'HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n{}' }],
    ['nothing but a line break', { kind: 'raw', bytes: '\r\n' }],
    [
      'a content coding that nobody knows',
      { kind: 'raw', bytes: whole('{}', 'content-encoding: constructor') },
    ],
    [
      'three layers of content coding',
      { kind: 'raw', bytes: whole('{}', 'content-encoding: gzip, gzip, gzip') },
    ],
    ['HTML with status 200', 'html'],
  ])('%s: is refused as what it is, and the pipeline lives on', async (_, behaviour) => {
    upstream.reply(behaviour);
    const { status, body, code } = await post();
    expect(status).toBe(502);
    expect(['bad_answer', 'connection_lost']).toContain(code);
    expect(JSON.parse(body as string)).toMatchObject({ type: 'error' });
    expect(await post()).toMatchObject({ status: 200 });
  });

  it('a chunk size that is none: is cut off, never ended', async () => {
    upstream.reply('bad-framing; flaw=bad-chunk-size');
    const { status, body, code } = await post();
    expect([status, code, body instanceof Error]).toEqual([200, 'stream_cut', true]);
  });

  it('some interim answers: are read over', async () => {
    upstream.reply('informational; count=5');
    expect(await post()).toMatchObject({ status: 200, kind: 'completed' });
  });

  it('control characters in the reason phrase: make no response that throws later', async () => {
    for (const phrase of ['OK\u0001', 'ÖK', '', 'a'.repeat(1_000)]) {
      upstream.reply({
        kind: 'raw',
        bytes: Buffer.from(
          `HTTP/1.1 200 ${phrase}\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}`,
          'latin1',
        ),
      });
      const response = await test.post();
      if (response.status === 200) void response.clone().text();
      expect([200, 502]).toContain(response.status);
      await response.text();
    }
  });

  it('odd header values: make no response that throws later', async () => {
    const odd = Buffer.from(
      'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-odd: \xff\xe4\r\n__proto__: x\r\nconstructor: y\r\nx-tab: a\tb\r\ncontent-length: 2\r\n\r\n{}',
      'latin1',
    );
    upstream.reply({ kind: 'raw', bytes: odd });
    const { response, body } = await post();
    expect(body).toBe('{}');
    expect(response.headers.get('x-odd')).toBe('ÿä');
    expect(response.headers.get('constructor')).toBe('y');
  });

  it('a content-type that stands twice: is still read as what the first says', async () => {
    const { status, kind } = await answeredWith(whole('{}', 'content-type: text/plain', 'connection: close'));
    expect([status, kind]).toEqual([200, 'completed']);
  });

  it('a content coding that stands twice: is undone twice', async () => {
    const body = gzipSync(gzipSync('{"a":1}'));
    const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-encoding: gzip\r\ncontent-length: ${body.length}\r\n\r\n`;
    expect(await answeredWith(Buffer.concat([Buffer.from(head), body]))).toMatchObject({
      status: 200,
      body: '{"a":1}',
      kind: 'completed',
    });
  });

  it.each([
    [204, 'HTTP/1.1 204 No Content\r\n\r\n'],
    [304, 'HTTP/1.1 304 Not Modified\r\netag: "x"\r\n\r\n'],
  ])('status %i: has no body, and the connection lives on', async (status, bytes) => {
    upstream.reply({ kind: 'raw', bytes, ending: 'keep-alive' });
    const { response, kind } = await post();
    expect([response.status, response.body, kind]).toEqual([status, null, 'completed']);
    expect(await post()).toMatchObject({ status: 200 });
    expect(upstream.connections).toBe(1);
  });

  it('204 with a body, 205 with an endless one: occupy no connection for ever', async () => {
    upstream.reply('204-with-body');
    expect((await post()).status).toBe(204);
    upstream.reply({
      kind: 'raw',
      bytes: `HTTP/1.1 205 Reset\r\ncontent-length: 99999999\r\n\r\n${'x'.repeat(1 << 20)}`,
      ending: 'hold',
    });
    expect((await post()).status).toBe(205);
    expect(await upstream.requests[1]?.closed).toBe('aborted');
    expect(await post()).toMatchObject({ status: 200 });
  });
});

describe('an answer that is cut', () => {
  it.each<readonly [string, BehaviourInput]>([
    ['a JSON answer shorter than its length', 'truncate; framing=content-length'],
    ['a JSON answer in a chunk', 'truncate; framing=mid-chunk'],
    ['a JSON answer without its last chunk', 'truncate; framing=no-last-chunk'],
    ['a JSON answer that only the end of the connection ends', 'truncate; framing=close-delimited'],
    ['a JSON answer that is reset', 'truncate; framing=content-length; ending=rst'],
  ])('%s: is an error, never a clean end', async (_, behaviour) => {
    upstream.reply(behaviour);
    const { status, body, code, kind } = await post();
    expect([status, code, kind]).toEqual([200, 'stream_cut', 'upstream-error']);
    expect(body).toBeInstanceOf(Error);
  });

  it.each<readonly [string, BehaviourInput]>([
    ['is reset', 'reset-mid-stream'],
    ['ends with a proper last chunk', 'cut-mid-stream; ending=last-chunk'],
    ['ends without one', 'cut-mid-stream; ending=fin'],
    ['ends with its connection', 'cut-mid-stream; ending=close-delimited'],
  ])('a stream that %s: ends with the error event of its dialect', async (_, behaviour) => {
    upstream.reply(behaviour);
    const { body, code } = await post({ stream: true });
    expect(code).toBe('stream_cut');
    expect(body).toMatch(/^event: message_start\n[^]*event: error\ndata: .*cut off by the upstream.*\n\n$/);
  });
});

describe('an answer that is too large', () => {
  it('is cut at maxAnswerBytes, JSON and stream', async () => {
    await reassemble({ transport: { maxAnswerBytes: 10_000 } });
    upstream.reply('flood; bytes=1000000', 'flood; bytes=1000000');
    expect(await post()).toMatchObject({ code: 'answer_too_large', kind: 'upstream-error' });
    const { body, code } = await post({ stream: true });
    expect(code).toBe('answer_too_large');
    expect((body as string).length).toBeLessThan(80_000);
    expect(body).toMatch(/event: error\n.*sent more than allowed/);
    expect(await upstream.requests[1]?.closed).toBe('aborted');
  });

  it('is cut at maxAnswerBytes also when it was compressed', async () => {
    await reassemble({ transport: { maxAnswerBytes: 100_000 } });
    upstream.reply({
      kind: 'fixture',
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: gzipSync(JSON.stringify({ a: Array(50_000).fill('abc') })),
    });
    expect(await post()).toMatchObject({ code: 'answer_too_large', kind: 'upstream-error' });
  });

  it('is not bounded for calls of no known format', async () => {
    await reassemble({ transport: { maxAnswerBytes: 1_000 } });
    upstream.reply({ kind: 'fixture', headers: { 'content-type': 'text/plain' }, body: 'x'.repeat(100_000) });
    const response = await test.pipeline.fetch('https://x.test/v1/files/1/content');
    expect(await response.text()).toHaveLength(100_000);
  });

  it('for one line or one event of a stream is cut there', async () => {
    for (const transport of [{ maxLineBytes: 10_000 }, { maxEventBytes: 10_000 }]) {
      await reassemble({ transport });
      upstream.reply('malformed-sse; flaw=huge-line; bytes=2000000');
      const { body, code } = await post({ stream: true });
      expect(code).toBe('answer_too_large');
      expect(body).toMatch(/event: error\n.*sent more than allowed/);
      expect(await upstream.requests.at(-1)?.closed).toBe('aborted');
    }
  });
});

describe('a compressed answer that nobody asked for', () => {
  it.each(['gzip', 'deflate', 'br', 'zstd'])('is undone, JSON and stream: %s', async (encoding) => {
    upstream.reply(`compressed; encoding=${encoding}`, `compressed; encoding=${encoding}`);
    const json = await post();
    expect(json).toMatchObject({ status: 200, kind: 'completed' });
    expect(JSON.parse(json.body as string)).toMatchObject({ type: 'message' });
    expect(json.response.headers.get('content-encoding')).toBeNull();
    const stream = await post({ stream: true });
    expect(stream).toMatchObject({ kind: 'completed' });
    expect(stream.body).toMatch(/^event: message_start\n[^]*event: message_stop\n.*\n\n$/);
  });

  it.each(['gzip', 'br', 'zstd'])(
    'is no proper end when it is truncated, corrupt or a bomb: %s',
    async (encoding) => {
      for (const flaw of ['truncated', 'corrupt', 'bomb']) {
        upstream.reply(`compressed; encoding=${encoding}; flaw=${flaw}`);
        const { status, body, code, kind } = await post();
        expect([kind, status === 502 || body instanceof Error], flaw).toEqual(['upstream-error', true]);
        expect(['bad_answer', 'stream_cut'], flaw).toContain(code);
      }
    },
  );
});

describe('back-pressure', () => {
  it('keeps the upstream from writing while nobody reads', async () => {
    upstream.reply({ kind: 'flood', bytes: Infinity });
    const response = await test.post({ stream: true });
    const [request] = upstream.requests;
    let before = -1;
    // The kernel's buffers fill up first; then nothing moves any more.
    for (let still = 0; still < 50;) {
      await nextTurn();
      const { bytesWritten = 0 } = request ?? {};
      still = bytesWritten === before ? still + 1 : 0;
      before = bytesWritten;
    }
    expect(before).toBeLessThan(32 << 20);
    const heap = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 500; i++) await nextTurn();
    expect(request?.bytesWritten).toBe(before);
    expect(process.memoryUsage().arrayBuffers - heap).toBeLessThan(1 << 20);
    await response.body?.cancel();
    expect(await request?.closed).toBe('aborted');
  });

  it('lets a slow reader have every byte', async () => {
    upstream.reply({ kind: 'flood', bytes: 3 << 20 }, { kind: 'flood', bytes: 3 << 20 });
    const fast = await post({ stream: true });
    const response = await test.post({ stream: true });
    let slow = '';
    for await (const chunk of response.body as ReadableStream<Uint8Array>) {
      slow += Buffer.from(chunk).toString('latin1');
      await nextTurn();
    }
    expect(slow.length).toBe(Buffer.byteLength(fast.body as string));
    expect(test.outcomes[1]?.kind).toBe('completed');
  });
});

describe('a caller that leaves', () => {
  it.each<readonly [string, BehaviourInput]>([
    ['before the headers', 'stall; at=before-headers'],
    ['before the first event', 'stall; at=after-headers'],
    ['in the middle of the stream', 'stall; at=mid-stream'],
    ['in a flood', { kind: 'flood', bytes: Infinity }],
  ])('%s: the connection to the upstream is closed at once', async (_, behaviour) => {
    const caller = new AbortController();
    upstream.reply(behaviour);
    const call = post({ stream: true }, { signal: caller.signal }).catch((error: unknown) => error);
    const request = await upstream.request(1);
    if (behaviour === 'stall; at=mid-stream') await until(() => request.bytesWritten > 0);
    const left = performance.now();
    caller.abort(new Error('I leave'));
    expect(await request.closed).toBe('aborted');
    expect(performance.now() - left).toBeLessThan(1_000);
    await call;
    expect(test.outcomes.map(({ kind }) => kind)).toEqual(['client-abort']);
  });

  it('while the call waits for a connection: not a byte of it is sent', async () => {
    await reassemble({ transport: { connections: 1 } });
    upstream.reply('stall; at=mid-stream');
    const first = await test.post({ stream: true });
    const caller = new AbortController();
    const second = test.post({}, { signal: caller.signal });
    await nextTurn();
    caller.abort(new Error('I leave'));
    await expect(second).rejects.toThrow('I leave');
    await first.body?.cancel();
    expect(await post()).toMatchObject({ status: 200 });
    expect(upstream.requests).toHaveLength(2);
  });
});

describe('the clocks over a socket', () => {
  const timeouts = {
    firstEventMs: 5_000,
    idleMs: 3_000,
    totalMs: 20_000,
    streamedTotalMs: 60_000,
    connectMs: 1_000,
  };
  beforeEach(() => reassemble({ timeouts }));

  it('an upstream that does not begin to answer: first_event_timeout for streams, total_timeout for others', async () => {
    upstream.reply('stall; at=before-headers', 'stall; at=before-headers');
    const streamed = post({ stream: true });
    await upstream.request(1);
    await test.clock.advance(4_999);
    expect(test.outcomes).toEqual([]);
    await test.clock.advance(1);
    expect(await streamed).toMatchObject({ status: 504, code: 'first_event_timeout', kind: 'timeout' });
    const json = post();
    await upstream.request(2);
    await test.clock.advance(20_000);
    expect(await json).toMatchObject({ status: 504, code: 'total_timeout', kind: 'timeout' });
    for (const request of upstream.requests) expect(await request.closed).toBe('aborted');
  });

  it('an upstream that begins and sends pings only: first_event_timeout as an error event', async () => {
    upstream.reply('pings-only');
    const response = await test.post({ stream: true });
    const text = response.text();
    const request = await upstream.request(1);
    for (let pings = 0; pings < 5; pings++) {
      const before = request.bytesWritten;
      await until(() => request.bytesWritten > before);
      await test.clock.advance(1_000);
    }
    expect(test.outcomes).toMatchObject([{ kind: 'timeout', cause: { code: 'first_event_timeout' } }]);
    expect(await text).toMatch(
      /event: ping\n[^]*event: error\ndata: .*did not begin to answer in time.*\n\n$/,
    );
    expect(await request.closed).toBe('aborted');
  });

  it('an upstream that drips bytes which make no event: idle_timeout', async () => {
    const drip = Promise.withResolvers<Socket>();
    await using server = await tcpServer((socket) => socket.once('data', () => drip.resolve(socket)));
    await reassemble({ timeouts }, server.url);
    const pending = test.post({ stream: true });
    const socket = await drip.promise;
    const send = (data: string): void => void socket.write(`${data.length.toString(16)}\r\n${data}\r\n`);
    socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n');
    for (const event of anthropicStream().slice(0, 3)) send(event);
    let read = '';
    const reading = (async (body: AsyncIterable<Uint8Array>) => {
      for await (const chunk of body) read += Buffer.from(chunk).toString();
    })((await pending).body as unknown as AsyncIterable<Uint8Array>);
    await until(() => read.includes('content_block_start'));
    for (let i = 0; i < 40 && test.outcomes.length === 0; i++) {
      send(i % 3 === 0 ? ': comment\n\n' : 'x');
      for (let turn = 0; turn < 5; turn++) await nextTurn();
      await test.clock.advance(200);
    }
    expect(test.outcomes).toMatchObject([{ kind: 'timeout', cause: { code: 'idle_timeout' } }]);
    expect(test.clock.now()).toBeLessThan(4_000);
    await reading;
    expect(read).toMatch(/: comment\n[^]*event: error\ndata: .*stopped in the middle/);
  });

  it('an upstream that stops in the middle: idle_timeout as an error event, and its connection is closed', async () => {
    upstream.reply('stall; at=mid-stream');
    const response = await test.post({ stream: true });
    const text = response.text();
    const request = await upstream.request(1);
    let seen = 0;
    await until(() => {
      const still = request.bytesWritten === seen && seen > 0;
      seen = request.bytesWritten;
      return still;
    });
    await nextTurn();
    await test.clock.advance(3_000);
    await test.clock.advance(3_000);
    expect(await text).toMatch(/event: error\ndata: .*stopped in the middle.*\n\n$/);
    expect(test.outcomes).toMatchObject([{ kind: 'timeout', cause: { code: 'idle_timeout' } }]);
    expect(await request.closed).toBe('aborted');
  });

  it('an upstream whose JSON answer stops in the middle: idle_timeout breaks the body off', async () => {
    upstream.reply('stall; at=mid-stream; afterEvents=1');
    const response = await test.post();
    const text = response.text();
    text.catch(() => undefined);
    for (let i = 0; i < 20; i++) await nextTurn();
    await test.clock.advance(3_000);
    await test.clock.advance(3_000);
    await expect(text).rejects.toMatchObject({ code: 'idle_timeout' });
  });

  it('leave no timer behind', async () => {
    await post();
    await post({ stream: true });
    upstream.reply('status; status=529', 'reset-before-headers', 'reset-mid-stream');
    for (let i = 0; i < 3; i++) await post({ stream: true });
    expect(test.clock.pendingTimers).toBe(0);
  });
});

describe('the end of a pipeline', () => {
  it('closes idle connections at once', async () => {
    const closed = Promise.withResolvers<void>();
    await using server = await tcpServer((socket) => {
      socket.on('close', () => closed.resolve());
      socket.on('data', (data) => String(data).startsWith('POST') && socket.write(whole('{}')));
    });
    await reassemble({}, server.url);
    expect(await post()).toMatchObject({ status: 200 });
    await test.pipeline.close();
    await closed.promise;
  });

  it('refuses what comes later, and opens no connection for it', async () => {
    await test.pipeline.close();
    expect((await test.post()).status).toBe(503);
    expect(upstream.requests).toHaveLength(0);
  });
});
