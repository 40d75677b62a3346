import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fakeUpstream, type FakeUpstream } from '../../fake-upstream.ts';
import { rawConnection, rawRequest } from '../../raw-client.ts';
import { rawResponse, type RawResponse } from '../../raw-response.ts';
import type { Behaviour } from './behaviour.ts';

const STREAM = rawRequest({
  body: { model: 'm', stream: true, messages: [{ role: 'user', content: 'Two names for a pet pelican' }] },
});
const PLAIN = rawRequest();

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

interface Seen {
  readonly bytes: Buffer;
  readonly response: RawResponse | undefined;
  readonly end: 'fin' | 'rst' | 'open';
}

/** Sends one request and returns all that came until the server ended, or until `enough`. */
async function see(
  behaviour: Behaviour,
  request: string = STREAM,
  enough?: (soFar: Buffer) => boolean,
): Promise<Seen> {
  upstream.reply(behaviour);
  using client = await rawConnection(upstream.url);
  client.send(request);
  const bytes = await client.received(enough);
  const open = enough?.(bytes) === true;
  return { bytes, response: rawResponse(bytes), end: open ? 'open' : await client.ended };
}

const eventsIn = (response: RawResponse | undefined): string[] =>
  response?.body.toString().split('\n\n').slice(0, -1) ?? [];

const isComplete = (soFar: Buffer): boolean => rawResponse(soFar)?.complete === true;

describe('before the headers', () => {
  it('resets', async () => {
    expect(await see({ kind: 'reset-before-headers' })).toMatchObject({ bytes: Buffer.alloc(0), end: 'rst' });
    expect(await upstream.requests[0]?.closed).toBe('complete');
  });

  it('closes', async () => {
    expect(await see({ kind: 'close-before-headers' })).toMatchObject({ bytes: Buffer.alloc(0), end: 'fin' });
  });
});

describe('after the headers', () => {
  it('resets', async () => {
    const { response, end } = await see({ kind: 'reset-after-headers' });
    expect(response).toMatchObject({ status: 200, chunks: [], complete: false });
    // Node 22 takes a reset by its own process, right behind data, for an end.
    if (!process.version.startsWith('v22.')) expect(end).toBe('rst');
  });

  it('resets mid-stream, after as many events as told', async () => {
    const { response, end } = await see({ kind: 'reset-mid-stream', afterEvents: 4 });
    expect(response?.complete).toBe(false);
    expect(eventsIn(response).map((event) => event.split('\n', 1)[0])).toEqual([
      'event: message_start',
      'event: content_block_start',
      'event: ping',
      'event: content_block_delta',
    ]);
    expect(end).toBe('rst');
  });

  it('resets in the middle of a JSON body', async () => {
    const { response, end } = await see({ kind: 'reset-mid-stream', afterEvents: 2 }, PLAIN);
    expect(response?.chunks).toHaveLength(2);
    expect(() => JSON.parse(String(response?.body)) as unknown).toThrow();
    expect(end).toBe('rst');
  });

  it('never sends a whole answer when it is to cut one', async () => {
    const { response } = await see({ kind: 'reset-mid-stream', afterEvents: 10_000 });
    expect(String(response?.body)).toContain('message_delta');
    expect(String(response?.body)).not.toContain('message_stop');
  });
});

describe('cut-mid-stream', () => {
  it('ends with the last chunk and keeps the connection', async () => {
    const { response, end } = await see({ kind: 'cut-mid-stream' }, STREAM, isComplete);
    expect([response?.complete, eventsIn(response).length, end]).toEqual([true, 5, 'open']);
    expect(String(response?.body)).not.toContain('message_stop');
  });

  it('ends by FIN between two chunks', async () => {
    const { response, end } = await see({ kind: 'cut-mid-stream', ending: 'fin', afterEvents: 3 });
    expect([response?.complete, response?.chunks.length, end]).toEqual([false, 3, 'fin']);
  });

  it('ends by FIN where HTTP calls that complete', async () => {
    const { response, end } = await see({ kind: 'cut-mid-stream', ending: 'close-delimited' });
    expect(response?.header('connection')).toBe('close');
    expect([response?.header('content-length'), response?.header('transfer-encoding')]).toEqual([
      undefined,
      undefined,
    ]);
    expect([eventsIn(response).length, end]).toEqual([5, 'fin']);
  });
});

describe('stall', () => {
  it('says nothing, until the client leaves', async () => {
    upstream.reply({ kind: 'stall' });
    using client = await rawConnection(upstream.url);
    client.send(STREAM);
    const request = await upstream.request(1);
    expect([client.chunks, upstream.openStreams]).toEqual([[], 1]);
    client.close();
    expect(await request.closed).toBe('aborted');
  });

  it('sends a head and no more', async () => {
    const { response } = await see({ kind: 'stall', at: 'after-headers' }, STREAM, (soFar) =>
      soFar.includes('\r\n\r\n'),
    );
    expect(response).toMatchObject({ status: 200, chunks: [], complete: false });
  });

  it('sends some events and no more', async () => {
    const { response } = await see({ kind: 'stall', afterEvents: 2 }, STREAM, (soFar) =>
      soFar.includes('content_block_start'),
    );
    expect(eventsIn(response)).toHaveLength(2);
  });

  it.each(['before-headers', 'after-headers', 'mid-stream'] as const)(
    'goes on after a time: %s',
    async (at) => {
      const { response } = await see({ kind: 'stall', at, stallMs: 5 }, STREAM, isComplete);
      expect(eventsIn(response).at(-1)).toContain('message_stop');
    },
  );

  it('is late with the head', async () => {
    const { response } = await see({ kind: 'slow-headers', headersDelayMs: 5 }, PLAIN, isComplete);
    expect(response?.status).toBe(200);
  });
});

describe('keep-alive-race', () => {
  it.each(['fin', 'rst'] as const)('answers, then ends by %s at the next request', async (ending) => {
    upstream.reply({ kind: 'keep-alive-race', ending });
    using client = await rawConnection(upstream.url);
    client.send(PLAIN);
    const first = await client.received(isComplete);
    client.send(PLAIN);
    expect((await client.received()).length).toBe(first.length);
    expect(await client.ended).toBe(ending);
    expect(await upstream.requests[1]?.closed).toBe('complete');
    expect(upstream.requests[1]).toMatchObject({
      behaviour: 'keep-alive-race, second request',
      bytesWritten: 0,
    });
    // What is queued is for requests that are answered.
    expect((await see({ kind: 'html' }, PLAIN, isComplete)).response?.header('content-type')).toBe(
      'text/html',
    );
  });
});

describe('early-response', () => {
  const UPLOAD = rawRequest({ headers: { 'content-length': '5000000' } });

  it('answers while the request is still being sent, and reads on', async () => {
    upstream.reply({ kind: 'early-response' });
    using client = await rawConnection(upstream.url);
    client.send(UPLOAD);
    const response = rawResponse(await client.received());
    expect(response).toMatchObject({ status: 413, complete: true });
    expect(response?.header('connection')).toBe('close');
    expect(JSON.parse(String(response?.body))).toMatchObject({ error: { type: 'request_too_large' } });
    expect(await client.ended).toBe('fin');
  });

  it('resets after it', async () => {
    const { response, end } = await see({ kind: 'early-response', status: 400, ending: 'rst' }, UPLOAD);
    expect([response?.status, end]).toEqual([400, 'rst']);
  });
});

describe('informational', () => {
  it('sends as many responses as told before the answer', async () => {
    const { bytes } = await see({ kind: 'informational', count: 250 }, PLAIN, (soFar) =>
      soFar.includes('end_turn'),
    );
    expect(bytes.toString().match(/HTTP\/1\.1 \d+/g)).toEqual([
      ...Array<string>(250).fill('HTTP/1.1 103'),
      'HTTP/1.1 200',
    ]);
  });
});
