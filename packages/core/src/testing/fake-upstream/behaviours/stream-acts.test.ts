import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fakeUpstream, type FakeUpstream } from '../../fake-upstream.ts';
import { rawConnection, rawRequest, type RawConnection } from '../../raw-client.ts';
import { rawResponse, type RawResponse } from '../../raw-response.ts';
import type { Behaviour } from './behaviour.ts';
import type { MalformedSse } from './stream-behaviours.ts';

const messages = [{ role: 'user', content: '给鹈鹕起两个名字' }];
const STREAM = rawRequest({ body: { model: 'm', stream: true, messages } });
const PLAIN = rawRequest({ body: { model: 'm', messages } });

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

async function open(behaviour: Behaviour, request: string): Promise<RawConnection> {
  upstream.reply(behaviour);
  const client = await rawConnection(upstream.url);
  client.send(request);
  return client;
}

async function see(behaviour: Behaviour, request: string = STREAM): Promise<RawResponse> {
  using client = await open(behaviour, request);
  const response = rawResponse(await client.received((soFar) => rawResponse(soFar)?.complete === true));
  if (!response) throw new Error('no response');
  return response;
}

describe('error-event', () => {
  it('is the first event of a 200, even where no stream was asked for', async () => {
    const response = await see({ kind: 'error-event' }, PLAIN);
    expect([response.status, response.header('content-type')]).toEqual([
      200,
      'text/event-stream; charset=utf-8',
    ]);
    expect(response.body.toString()).toMatch(/^event: error\ndata: \{.*"overloaded_error".*\}\n\n$/);
  });

  it('follows some events, with its own words', async () => {
    const { body } = await see({ kind: 'error-event', afterEvents: 4, status: 429, message: '慢一点' });
    const events = body.toString().split('\n\n').slice(0, -1);
    expect(events).toHaveLength(5);
    expect(events[4]).toMatch(/^event: error\ndata: \{.*"rate_limit_error","message":"慢一点"/);
  });

  it('is in the dialect of the request', async () => {
    const body = { model: 'gpt-5.4', stream: true, messages, input: messages };
    const chat = await see(
      { kind: 'error-event', afterEvents: 1 },
      rawRequest({ path: '/v1/chat/completions', body }),
    );
    expect(chat.body.toString()).toMatch(/\n\ndata: \{"error":\{.*\n\n$/);
    const responses = await see(
      { kind: 'error-event', afterEvents: 2 },
      rawRequest({ path: '/v1/responses', body }),
    );
    expect(responses.body.toString()).toMatch(
      /\n\nevent: error\ndata: \{"type":"error","sequence_number":2,/,
    );
  });
});

describe('pings-only', () => {
  it('pings on and on, until the client leaves', async () => {
    using client = await open({ kind: 'pings-only', intervalMs: 1 }, STREAM);
    const seen = await client.received((soFar) => soFar.toString().split('event: ping').length > 20);
    expect(seen.toString()).not.toContain('content_block');
    client.close();
    expect(await (await upstream.request(1)).closed).toBe('aborted');
  });

  it('uses comments where there is no ping event, and may go on', async () => {
    const body = { model: 'gpt-5.4', stream: true, messages };
    const behaviour = { kind: 'pings-only', count: 3, intervalMs: 0 } as const;
    const response = await see(behaviour, rawRequest({ path: '/v1/chat/completions', body }));
    expect(response.body.toString()).toMatch(/^data: .*\n\n(?:: ping\n\n){3}data: [^]*\[DONE\]\n\n$/);
  });
});

describe('drip', () => {
  it('sends the body byte by byte', async () => {
    using client = await open({ kind: 'drip', intervalMs: 0 }, STREAM);
    const response = rawResponse(await client.received((soFar) => soFar.subarray(-5).includes('0\r\n\r\n')));
    expect(new Set(response?.chunks.map(({ length }) => length))).toEqual(new Set([1]));
    expect(response?.body.toString()).toContain('message_stop');
  });

  it('sends the head byte by byte', async () => {
    using client = await open({ kind: 'drip', what: 'headers', intervalMs: 0 }, PLAIN);
    const bytes = await client.received();
    expect(rawResponse(bytes)).toMatchObject({ status: 200, complete: true });
    const head = bytes.indexOf('\r\n\r\n');
    expect(client.chunks.length).toBeGreaterThan(head / 4);
  });

  it('sends 103 after 103, until the client leaves', async () => {
    using client = await open({ kind: 'drip', what: 'informational' }, PLAIN);
    await client.received((soFar) => soFar.toString().split('HTTP/1.1 103').length > 20);
    client.close();
    expect((await upstream.request(1)).status).toBeUndefined();
  });

  it.each([PLAIN, STREAM])('sends comments before a stream', async (request) => {
    const response = await see({ kind: 'drip', what: 'comments', count: 4, intervalMs: 0 }, request);
    expect(response.body.toString()).toMatch(
      /^(?:: ping\n\n){4}event: message_start[^]*event: message_stop\n.*\n\n$/,
    );
  });
});

describe('flood', () => {
  const size = 3 * 2 ** 18 + 5;
  const xs = (text: string): number => text.match(/x/g)?.length ?? 0;

  it('is a valid stream with a very long text', async () => {
    const { body } = await see({ kind: 'flood', bytes: size, chunkBytes: 2 ** 18 });
    const texts = [...body.toString().matchAll(/"text_delta","text":"(x*)"/g)].map(
      ([, text = '']) => text.length,
    );
    expect(texts).toEqual([2 ** 18, 2 ** 18, 2 ** 18, 5]);
    expect(body.toString()).toMatch(/message_stop/);
  });

  it('is a valid JSON body with a very long text', async () => {
    const { body } = await see({ kind: 'flood', bytes: size }, PLAIN);
    const message = JSON.parse(body.toString()) as { content: { text: string }[] };
    expect(message.content[0]?.text.length).toBe(size);
    expect(upstream.requests[0]?.bytesWritten).toBe(body.length);
    expect(xs(message.content[0]?.text ?? '')).toBe(size);
  });

  it('waits for the reader, and tells how far it came', async () => {
    using client = await open({ kind: 'flood', bytes: Infinity }, STREAM);
    client.socket.pause();
    const request = await upstream.request(1);
    const standstill = async (): Promise<number> => {
      for (let still = 0, last = -1; still < 500; last = request.bytesWritten) {
        await new Promise(setImmediate);
        still = request.bytesWritten === last ? still + 1 : 0;
      }
      return request.bytesWritten;
    };
    const buffered = await standstill();
    // What the two kernels' buffers hold on loopback is some MiB.
    expect(buffered).toBeLessThan(64 * 2 ** 20);
    client.socket.resume();
    await client.received((soFar) => soFar.length > buffered + 2 ** 20);
    expect(request.bytesWritten).toBeGreaterThan(buffered);
    client.close();
    expect(await request.closed).toBe('aborted');
  });
});

describe('malformed-sse', () => {
  const FLAWS: readonly (readonly [Required<MalformedSse>['flaw'], RegExp])[] = [
    ['bad-json', /"delta":\{"type":"text_delta","text":"你说"\} *\n\nevent: content_block_delta/],
    ['bom', /^\uFEFFevent: message_start\n/],
    ['cr-only', /^event: message_start\rdata: [^\n]*\r\revent: message_stop\rdata: \{[^\n]*\}\r\r$/],
    ['crlf', /^event: message_start\r\ndata: [^]*\}\r\n\r\n$/],
    ['no-blank-line', /^event: message_start\ndata: .*\nevent: content_block_start\n[^]*\}\n$/],
    ['no-final-blank-line', /\n\nevent: message_stop\ndata: .*\}\n$/],
    ['no-space', /^event:message_start\ndata:\{/],
    ['nul', /\n\n: a\0b\nid: 1\0 2\nevent: content_block_delta\n/],
    ['split-data', /^event: message_start\ndata: \{\ndata: {2}"type": "message_start",\ndata: /],
    ['unknown-event', /\n\nevent: some_future_event\ndata: \{.*\}\n\nevent: content_block_delta\n/],
  ];

  it.each(FLAWS)('%s', async (flaw, pattern) => {
    const { body } = await see({ kind: 'malformed-sse', flaw });
    expect(new TextDecoder('utf-8', { ignoreBOM: true, fatal: true }).decode(body)).toMatch(pattern);
    expect(body.toString()).toContain('message_stop');
    if (flaw !== 'no-blank-line' && flaw !== 'crlf') expect(body.toString()).not.toMatch(/\r\n/);
  });

  it('bad-utf8', async () => {
    const { body } = await see({ kind: 'malformed-sse', flaw: 'bad-utf8' }, PLAIN);
    expect(body.includes(Buffer.from([0xe4, 0xbd, 0xff]))).toBe(true);
    expect(() => new TextDecoder('utf-8', { fatal: true }).decode(body)).toThrow();
  });

  it('huge-line, at the event that is told', async () => {
    const { body } = await see({ kind: 'malformed-sse', flaw: 'huge-line', bytes: 1_000_000, atEvent: 1 });
    const [first, huge] = body.toString().split('\n\n');
    expect(first).toMatch(/^event: message_start\n/);
    expect(huge).toBe(`data: ${'x'.repeat(1_000_000)}`);
  });
});
