import { once } from 'node:events';
import { Readable } from 'node:stream';
import { brotliDecompressSync, createGunzip, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fakeUpstream, type FakeUpstream } from '../../fake-upstream.ts';
import { rawConnection, rawRequest, type RawRequestParts } from '../../raw-client.ts';
import { rawResponse, type RawResponse } from '../../raw-response.ts';
import type { Behaviour } from './behaviour.ts';

const STREAM = { model: 'm', stream: true, messages: [{ role: 'user', content: '给鹈鹕起两个名字' }] };

let upstream: FakeUpstream;
beforeAll(async () => {
  upstream = await fakeUpstream();
});
afterEach(() => {
  upstream.reset();
});
afterAll(async () => {
  await upstream.close();
});

async function see(behaviour: Behaviour, parts: RawRequestParts = {}): Promise<RawResponse> {
  upstream.reply(behaviour);
  using client = await rawConnection(upstream.url);
  client.send(rawRequest(parts));
  const response = rawResponse(await client.received((soFar) => rawResponse(soFar)?.complete === true));
  if (!response) throw new Error('no response');
  return response;
}

const json = (response: RawResponse): unknown => JSON.parse(response.body.toString());

describe('answer', () => {
  it('says what it is told', async () => {
    const usage = { input_tokens: 7, cache_read_input_tokens: 100 };
    const headers = { 'request-id': 'req_mine', 'X-Extra': '1' };
    const response = await see({
      kind: 'answer',
      text: 'Scoop',
      thinking: 'Hm.',
      model: 'm2',
      usage,
      headers,
    });
    expect(json(response)).toMatchObject({
      content: [{ thinking: 'Hm.' }, { text: 'Scoop' }],
      model: 'm2',
      usage: { ...usage, output_tokens: 2 },
    });
    expect([response.header('request-id'), response.header('x-extra')]).toEqual(['req_mine', '1']);
  });

  it('says as much as it is told, and calls a tool when told', async () => {
    const long = await see({ kind: 'answer', tokens: 50 }, { body: STREAM });
    expect(long.body.toString().match(/text_delta/g)).toHaveLength(50);
    const tool = await see(
      { kind: 'answer', toolName: 'search', toolInput: { q: '鹈鹕' } },
      { path: '/v1/chat/completions' },
    );
    expect(json(tool)).toMatchObject({
      choices: [{ message: { tool_calls: [{ function: { name: 'search', arguments: '{"q":"鹈鹕"}' } }] } }],
    });
  });

  it('writes each event on its own', async () => {
    const response = await see({ kind: 'answer' }, { body: STREAM });
    for (const chunk of response.chunks) expect(chunk.toString()).toMatch(/^event: \w+\ndata: .*\n\n$/);
  });
});

describe('status', () => {
  it('is an error of the dialect, with what it says about trying again', async () => {
    const response = await see({
      kind: 'status',
      status: 529,
      retryAfter: 'soon',
      retryAfterMs: '1500',
      shouldRetry: 'false',
    });
    expect(response.status).toBe(529);
    expect(['retry-after', 'retry-after-ms', 'x-should-retry'].map((name) => response.header(name))).toEqual([
      'soon',
      '1500',
      'false',
    ]);
    expect(json(response)).toMatchObject({
      error: { type: 'overloaded_error' },
      request_id: response.header('request-id'),
    });
    const openai = await see(
      { kind: 'status', status: 429, code: 'insufficient_quota' },
      { path: '/v1/chat/completions' },
    );
    expect(json(openai)).toMatchObject({ error: { code: 'insufficient_quota' } });
    expect(openai.header('x-ratelimit-remaining-tokens')).toBe('0');
  });

  it('has no request id where the CDN answers, may have any status, and any body', async () => {
    const tooLarge = await see({ kind: 'status', status: 413 });
    expect([tooLarge.header('request-id'), json(tooLarge)]).toEqual([
      undefined,
      { type: 'error', error: { type: 'request_too_large', message: 'Request exceeds the maximum size' } },
    ]);
    const odd = await see({ kind: 'status', status: 999, body: 'what?' });
    expect([odd.status, odd.body.toString()]).toEqual([999, 'what?']);
  });
});

describe('what is no answer of the provider', () => {
  it('html', async () => {
    const response = await see({ kind: 'html', status: 502 });
    expect([response.status, response.header('content-type')]).toEqual([502, 'text/html']);
    expect(response.body.toString()).toContain('<title>502 Bad Gateway</title>');
  });

  it('redirect', async () => {
    const response = await see({ kind: 'redirect', location: 'http://127.0.0.1:1/' });
    expect([response.status, response.header('location'), response.body.length]).toEqual([
      307,
      'http://127.0.0.1:1/',
      0,
    ]);
  });
});

describe('fixture', () => {
  const body = Buffer.from('event: a\ndata: 你好\n\n');

  it('serves exactly what it is given', async () => {
    const headers = [
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
      ['X-Mixed-Case', 'v'],
    ] as const;
    const response = await see({ kind: 'fixture', status: 418, headers, body });
    expect(response.status).toBe(418);
    expect(response.headers.slice(0, 3)).toEqual(headers);
    expect(response.headers.slice(3).map(([name]) => name.toLowerCase())).toEqual([
      'connection',
      'transfer-encoding',
    ]);
    expect(response.body).toEqual(body);
  });

  it('keeps a content-length', async () => {
    const response = await see({ kind: 'fixture', headers: { 'content-length': String(body.length) }, body });
    expect([response.header('transfer-encoding'), response.body]).toEqual([undefined, body]);
  });

  it('cuts at the offsets it is given, also within a character', async () => {
    const { chunks } = await see({ kind: 'fixture', body, splitAt: [16, 3, 16, 999, 0], intervalMs: 1 });
    expect(chunks).toEqual([body.subarray(0, 3), body.subarray(3, 16), body.subarray(16)]);
  });

  it('cuts into equal pieces', async () => {
    const { chunks } = await see({ kind: 'fixture', body, chunkBytes: 1 });
    expect(chunks.map(({ length }) => length)).toEqual(Array(body.length).fill(1));
  });
});

describe('compressed', () => {
  const INFLATE = {
    gzip: gunzipSync,
    deflate: inflateSync,
    br: brotliDecompressSync,
    zstd: zstdDecompressSync,
  };

  it.each(['gzip', 'deflate', 'br', 'zstd'] as const)('%s', async (encoding) => {
    const whole = await see({ kind: 'compressed', encoding });
    expect(whole.header('content-encoding')).toBe(encoding);
    expect(JSON.parse(INFLATE[encoding](whole.body).toString())).toMatchObject({ type: 'message' });
    const stream = await see({ kind: 'compressed', encoding }, { body: STREAM });
    expect(INFLATE[encoding](stream.body).toString()).toMatch(/event: message_stop\n.*\n\n$/);
    expect(stream.chunks.length).toBeGreaterThan(8);
  });

  it('flushes after each event', async () => {
    const { chunks } = await see({ kind: 'compressed' }, { body: STREAM });
    const gunzip = createGunzip();
    gunzip.write(chunks[0]);
    const [first] = (await once(gunzip, 'data')) as [Buffer];
    expect(first.toString()).toMatch(/^event: message_start\n.*\n\n$/);
    gunzip.destroy();
  });

  it('truncated, corrupt, or with garbage behind it, in an orderly frame', async () => {
    const truncated = await see({ kind: 'compressed', flaw: 'truncated' });
    expect(() => gunzipSync(truncated.body)).toThrow('unexpected end of file');
    const corrupt = await see({ kind: 'compressed', flaw: 'corrupt' });
    expect(() => gunzipSync(corrupt.body)).toThrow(/invalid|incorrect/);
    const garbage = await see({ kind: 'compressed', flaw: 'trailing-garbage' });
    expect(garbage.body.subarray(-16).toString()).toBe('trailing garbage');
    expect(gunzipSync(garbage.body.subarray(0, -16)).toString()).toContain('"type":"message"');
    expect(() => gunzipSync(garbage.body)).toThrow('incorrect header check');
  });

  it.each(['gzip', 'br', 'zstd'] as const)('bomb: %s', async (encoding) => {
    const bytes = 16 * 2 ** 20;
    const { body } = await see({ kind: 'compressed', encoding, flaw: 'bomb', bytes });
    expect(body.length).toBeLessThan(bytes / 500);
    const inflated = INFLATE[encoding](body);
    expect(inflated.length).toBeGreaterThan(bytes);
    expect(JSON.parse(inflated.toString())).toMatchObject({ type: 'message' });
  });

  it('bomb: in layers, in a stream', async () => {
    const bytes = 16 * 2 ** 20;
    const behaviour = { kind: 'compressed', flaw: 'bomb', bytes, layers: 2 } as const;
    const { body, header } = await see(behaviour, { body: STREAM });
    expect([header('content-encoding'), body.length < 3000]).toEqual(['gzip, gzip', true]);
    let length = 0;
    const outer = Readable.from([gunzipSync(body)]).pipe(createGunzip());
    for await (const chunk of outer) length += (chunk as Buffer).length;
    expect(length).toBeGreaterThan(bytes);
  });
});
