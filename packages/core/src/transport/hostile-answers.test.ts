import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BehaviourInput } from '../testing/fake-upstream/behaviours/choose-behaviour.ts';
import { fakeUpstream, type FakeUpstream } from '../testing/fake-upstream.ts';
import { type SocketCall, SocketCase } from '../testing/socket-case.ts';
import { gzipSync } from 'node:zlib';

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

/** Sends one raw response, and sees how the call comes out. */
function answeredWith(bytes: string | Uint8Array): Promise<SocketCall> {
  upstream.reply({ kind: 'raw', bytes });
  return over.post();
}

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
    const { status, body, code } = await over.post();
    expect(status).toBe(502);
    expect(['bad_answer', 'connection_lost']).toContain(code);
    expect(JSON.parse(body as string)).toMatchObject({ type: 'error' });
    expect(await over.post()).toMatchObject({ status: 200 });
  });

  it('a chunk size that is none: is an error, never an answer', async () => {
    upstream.reply('bad-framing; flaw=bad-chunk-size');
    const { status, code } = await over.post();
    expect([status, code]).toEqual([502, 'connection_lost']);
  });

  it('some interim answers: are read over', async () => {
    upstream.reply('informational; count=5');
    expect(await over.post()).toMatchObject({ status: 200, kind: 'completed' });
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
      const response = await over.test.post();
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
    const { response, body } = await over.post();
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

  it.each([[304, 'HTTP/1.1 304 Not Modified\r\netag: "x"\r\n\r\n']])(
    'status %i: has no body, and the connection lives on',
    async (status, bytes) => {
      upstream.reply({ kind: 'raw', bytes, ending: 'keep-alive' });
      const { response, kind } = await over.post();
      expect([response.status, response.body, kind]).toEqual([status, null, 'completed']);
      expect(await over.post()).toMatchObject({ status: 200 });
      expect(upstream.connections).toBe(1);
    },
  );

  it('204 and 205: are no answer to a call of a known format, and pass for others', async () => {
    const endless205 = {
      kind: 'raw',
      bytes: `HTTP/1.1 205 Reset\r\ncontent-length: 99999999\r\n\r\n${'x'.repeat(1 << 20)}`,
      ending: 'hold',
    } as const;
    for (const [status, behaviour] of [[204, '204-with-body'] as const, [205, endless205] as const]) {
      upstream.reply(behaviour, behaviour);
      expect(await over.post()).toMatchObject({ status: 502, code: 'bad_answer' });
      const response = await over.test.pipeline.fetch('https://x.test/v1/files', { method: 'POST' });
      expect([response.status, response.body]).toEqual([status, null]);
    }
    // None of them occupies a connection for ever.
    for (const request of upstream.requests.slice(2)) expect(await request.closed).toBe('aborted');
    expect(await over.post()).toMatchObject({ status: 200 });
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
    const { status, body, code, kind } = await over.post();
    expect([status, code, kind]).toEqual([502, 'connection_lost', 'upstream-error']);
    expect(JSON.parse(body as string)).toMatchObject({ type: 'error' });
  });

  it.each<readonly [string, BehaviourInput]>([
    ['is reset', 'reset-mid-stream'],
    ['ends with a proper last chunk', 'cut-mid-stream; ending=last-chunk'],
    ['ends without one', 'cut-mid-stream; ending=fin'],
    ['ends with its connection', 'cut-mid-stream; ending=close-delimited'],
  ])('a stream that %s: ends with the error event of its dialect', async (_, behaviour) => {
    upstream.reply(behaviour);
    const { body, code } = await over.post({ stream: true });
    expect(code).toBe('stream_cut');
    expect(body).toMatch(/^event: message_start\n[^]*event: error\ndata: .*cut off by the upstream.*\n\n$/);
  });
});

describe('an answer that is too large', () => {
  it('is cut at maxAnswerBytes, JSON and stream', async () => {
    await over.reassemble({ transport: { maxAnswerBytes: 10_000 } });
    upstream.reply('flood; bytes=1000000', 'flood; bytes=1000000');
    expect(await over.post()).toMatchObject({ code: 'answer_too_large', kind: 'upstream-error' });
    const { body, code } = await over.post({ stream: true });
    expect(code).toBe('answer_too_large');
    expect((body as string).length).toBeLessThan(80_000);
    expect(body).toMatch(/event: error\n.*sent more than allowed/);
    expect(await upstream.requests[1]?.closed).toBe('aborted');
  });

  it('is cut at maxAnswerBytes also when it was compressed', async () => {
    await over.reassemble({ transport: { maxAnswerBytes: 100_000 } });
    upstream.reply({
      kind: 'fixture',
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: gzipSync(JSON.stringify({ a: Array(50_000).fill('abc') })),
    });
    expect(await over.post()).toMatchObject({ code: 'answer_too_large', kind: 'upstream-error' });
  });

  it('is not bounded for calls of no known format', async () => {
    await over.reassemble({ transport: { maxAnswerBytes: 1_000 } });
    upstream.reply({ kind: 'fixture', headers: { 'content-type': 'text/plain' }, body: 'x'.repeat(100_000) });
    const response = await over.test.pipeline.fetch('https://x.test/v1/files/1/content');
    expect(await response.text()).toHaveLength(100_000);
  });

  it('for one line or one event of a stream is cut there', async () => {
    for (const transport of [{ maxLineBytes: 10_000 }, { maxEventBytes: 10_000 }]) {
      await over.reassemble({ transport });
      upstream.reply('malformed-sse; flaw=huge-line; bytes=2000000');
      const { body, code } = await over.post({ stream: true });
      expect(code).toBe('answer_too_large');
      expect(body).toMatch(/event: error\n.*sent more than allowed/);
      expect(await upstream.requests.at(-1)?.closed).toBe('aborted');
    }
  });
});

describe('a compressed answer that nobody asked for', () => {
  it.each(['gzip', 'deflate', 'br', 'zstd'])('is undone, JSON and stream: %s', async (encoding) => {
    upstream.reply(`compressed; encoding=${encoding}`, `compressed; encoding=${encoding}`);
    const json = await over.post();
    expect(json).toMatchObject({ status: 200, kind: 'completed' });
    expect(JSON.parse(json.body as string)).toMatchObject({ type: 'message' });
    expect(json.response.headers.get('content-encoding')).toBeNull();
    const stream = await over.post({ stream: true });
    expect(stream).toMatchObject({ kind: 'completed' });
    expect(stream.body).toMatch(/^event: message_start\n[^]*event: message_stop\n.*\n\n$/);
  });

  it.each(['gzip', 'br', 'zstd'])(
    'is no proper end when it is truncated, corrupt or a bomb: %s',
    async (encoding) => {
      for (const flaw of ['truncated', 'corrupt', 'bomb']) {
        upstream.reply(`compressed; encoding=${encoding}; flaw=${flaw}`);
        const { status, code, kind } = await over.post();
        expect([kind, status], flaw).toEqual(['upstream-error', 502]);
        expect(['bad_answer', 'connection_lost'], flaw).toContain(code);
      }
    },
  );
});
