import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { pipelineFetch } from './fetch.ts';
import type { InboundRequest } from './request.ts';

const seen: InboundRequest[] = [];
const fetch = pipelineFetch(async (inbound) => {
  seen.push(inbound);
  return new Response();
});

async function inbound(input: string | URL | Request, init?: RequestInit): Promise<InboundRequest> {
  await fetch(input, init);
  return seen.at(-1) as InboundRequest;
}

const textOf = (request: InboundRequest): string | null =>
  request.body && Buffer.from(request.body).toString();

describe('pipeline.fetch', () => {
  const url = 'https://api.anthropic.com/v1/messages?beta=true#part';

  it('takes what fetch takes: text, URL and Request', async () => {
    const expected = { method: 'GET', target: '/v1/messages?beta=true', body: null };
    expect(await inbound(url)).toMatchObject(expected);
    expect(await inbound(new URL(url))).toMatchObject(expected);
    expect(await inbound(new Request(url))).toMatchObject(expected);
    expect(await inbound(new Request(url, { method: 'PUT', body: 'x' }), { method: 'POST' })).toMatchObject({
      method: 'POST',
    });
    expect(await inbound('https://x.test')).toMatchObject({ target: '/' });
    expect(await inbound(url, { method: 'post' })).toMatchObject({ method: 'POST' });
  });

  it('drops the origin: no request can choose where it goes', async () => {
    for (const odd of [
      'http://169.254.169.254/v1/messages',
      'https://user:pass@evil.test:99/v1/messages',
      'https://evil.test/v1/messages',
      'https://evil.test/x/../v1/messages',
      'https://evil.test/x/%2e%2e/v1/messages',
      'https://evil.test\\v1\\messages',
    ]) {
      expect((await inbound(odd)).target).toBe('/v1/messages');
    }
    expect((await inbound('https://evil.test//other.test/x')).target).toBe('//other.test/x');
  });

  const bodies: readonly (readonly [string, () => RequestInit['body'], string | null, string | undefined])[] =
    [
      ['none', () => undefined, null, undefined],
      ['null', () => null, null, undefined],
      ['text', () => '{"a":"ü"}', '{"a":"ü"}', 'text/plain;charset=UTF-8'],
      ['bytes', () => Buffer.from('bytes'), 'bytes', undefined],
      ['a view', () => new Uint8Array(Buffer.from('--view--')).subarray(2, 6), 'view', undefined],
      ['an ArrayBuffer', () => new Uint8Array(Buffer.from('buffer')).buffer, 'buffer', undefined],
      ['a DataView', () => new DataView(new Uint8Array(Buffer.from('data')).buffer), 'data', undefined],
      [
        'URLSearchParams',
        () => new URLSearchParams({ a: '1' }),
        'a=1',
        'application/x-www-form-urlencoded;charset=UTF-8',
      ],
      ['a Blob', () => new Blob(['blob'], { type: 'text/x-mine' }), 'blob', 'text/x-mine'],
      ['a stream', () => new Blob(['stream']).stream() as ReadableStream, 'stream', undefined],
    ];

  it.each(bodies)('buffers a body like fetch does: %s', async (_, body, text, type) => {
    const request = await inbound(url, { method: 'POST', body: body() ?? null });
    expect(textOf(request)).toBe(text);
    expect(request.headers['content-type']).toBe(type);
  });

  it('keeps its own copy of the bytes', async () => {
    const bytes = Buffer.from('before');
    const pending = inbound(url, { method: 'POST', body: bytes });
    bytes.write('after!');
    expect(textOf(await pending)).toBe('before');
  });

  it.each([
    [
      'Headers',
      new Headers([
        ['X-Api-Key', 'k'],
        ['anthropic-beta', 'a'],
        ['Anthropic-Beta', 'b'],
      ]),
    ],
    [
      'a list',
      [
        ['X-Api-Key', ' k '],
        ['anthropic-beta', 'a'],
        ['Anthropic-Beta', 'b'],
      ] as [string, string][],
    ],
    ['a record', { 'X-Api-Key': 'k', 'anthropic-beta': 'a', 'Anthropic-Beta': 'b' }],
  ])(
    'reads headers as fetch does: lower-case names, one list for a name given twice: %s',
    async (_, headers) => {
      expect((await inbound(url, { headers })).headers).toEqual({
        'x-api-key': 'k',
        'anthropic-beta': 'a, b',
      });
    },
  );

  it('is not led astray by header names that objects have', async () => {
    const headers = JSON.parse(
      '{"constructor":"c","toString":"t","hasOwnProperty":"h","__proto__":"p"}',
    ) as Record<string, string>;
    const { headers: seen } = await inbound(url, { headers });
    expect(seen).toEqual({ constructor: 'c', tostring: 't', hasownproperty: 'h' });
    expect(({} as Record<string, unknown>)['p']).toBeUndefined();
  });

  it('makes text of header values that are none', async () => {
    expect(
      (await inbound(url, { headers: { 'x-retry-count': 1 } as unknown as Record<string, string> })).headers,
    ).toEqual({ 'x-retry-count': '1' });
  });

  it('keeps a content-type that was given', async () => {
    const { headers } = await inbound(url, {
      method: 'POST',
      body: '{}',
      headers: { 'Content-Type': 'application/json' },
    });
    expect(headers).toEqual({ 'content-type': 'application/json' });
  });

  it('rejects as fetch does: no URL, a used body, a failing stream, an aborted signal', async () => {
    await expect(fetch('/v1/messages')).rejects.toThrow(TypeError);
    const used = new Request(url, { method: 'POST', body: 'x' });
    await used.text();
    await expect(fetch(used)).rejects.toThrow(TypeError);
    const failing = new ReadableStream({ pull: () => Promise.reject(new Error('disk')) });
    await expect(fetch(url, { method: 'POST', body: failing })).rejects.toThrow('disk');
    const reason = new Error('gone');
    await expect(fetch(url, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(fetch(new Request(url, { signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
    await expect(fetch(url, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('lets a caller leave whose body never ends', async () => {
    const caller = new AbortController();
    let cancelled = false;
    const endless = new ReadableStream({
      pull: () => new Promise(() => undefined),
      cancel: () => void (cancelled = true),
    });
    const pending = fetch(url, { method: 'POST', body: endless, signal: caller.signal });
    await nextTurn();
    const reason = new Error('gone');
    caller.abort(reason);
    await expect(pending).rejects.toBe(reason);
    expect(cancelled).toBe(true);
  });

  it('hands over the signal of the caller: of init, else of the Request', async () => {
    const { signal } = new AbortController();
    expect((await inbound(url, { signal })).signal).toBe(signal);
    expect((await inbound(url, { signal: null })).signal).toBeUndefined();
    const other = new AbortController();
    const request = await inbound(new Request(url, { signal: other.signal }));
    other.abort('why');
    expect(request.signal?.reason).toBe('why');
  });

  it('needs no this', async () => {
    const { detached } = { detached: fetch };
    await expect(detached(url)).resolves.toBeInstanceOf(Response);
  });
});
