import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fakeUpstream, type FakeUpstream } from '../../fake-upstream.ts';
import { rawConnection, rawRequest } from '../../raw-client.ts';
import { rawResponse } from '../../raw-response.ts';
import type { Behaviour } from './behaviour.ts';
import type { BadFraming } from './framing-behaviours.ts';

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

async function see(behaviour: Behaviour): Promise<{ bytes: Buffer; end: 'fin' | 'rst' }> {
  upstream.reply(behaviour);
  using client = await rawConnection(upstream.url);
  client.send(rawRequest());
  return { bytes: await client.received(), end: await client.ended };
}

describe('truncate', () => {
  it.each(['fin', 'rst'] as const)('falls short of its length, by %s', async (ending) => {
    const { bytes, end } = await see({ kind: 'truncate', ending });
    const response = rawResponse(bytes);
    expect([response?.complete, end]).toEqual([false, ending]);
    expect(response?.body.length).toBe(Math.floor(Number(response?.header('content-length')) / 2));
  });

  it('stops within a chunk, after as many bytes as told', async () => {
    const { bytes, end } = await see({ kind: 'truncate', framing: 'mid-chunk', afterBytes: 10 });
    expect(rawResponse(bytes)).toMatchObject({
      complete: false,
      chunks: [expect.objectContaining({ length: 10 })],
    });
    expect(end).toBe('fin');
  });

  it('leaves out the last chunk', async () => {
    const { bytes } = await see({ kind: 'truncate', framing: 'no-last-chunk' });
    const response = rawResponse(bytes);
    expect(response?.complete).toBe(false);
    expect(JSON.parse(String(response?.body))).toMatchObject({ type: 'message' });
  });

  it.each(['fin', 'rst'] as const)('has no length at all, and ends by %s', async (ending) => {
    const { bytes, end } = await see({ kind: 'truncate', framing: 'close-delimited', ending });
    const response = rawResponse(bytes);
    expect([response?.header('content-length'), response?.header('transfer-encoding'), end]).toEqual([
      undefined,
      undefined,
      ending,
    ]);
    expect(() => JSON.parse(String(response?.body)) as unknown).toThrow();
  });
});

describe('bad-framing', () => {
  const CASES: readonly (readonly [Required<BadFraming>['flaw'], RegExp])[] = [
    ['bad-chunk-size', /transfer-encoding: chunked\r\n\r\nnot-hex\r\n\{/],
    ['cl-and-te', /content-length: \d+\r\ntransfer-encoding: chunked\r\n\r\n[0-9a-f]+\r\n\{/],
    ['huge-header', /x-huge: x{20480}\r\n/],
    ['lf-only', /^HTTP\/1\.1 200 OK\n(?:[^\r\n]+\n)+\n\{/],
    ['not-http', /^SSH-2\.0-/],
    ['obs-fold', /x-folded: one\r\n two\r\n/],
    ['two-cls', /content-length: (\d+)\r\ncontent-length: (?!\1\r)\d+\r\n/],
  ];

  it.each(CASES)('%s', async (flaw, pattern) => {
    const { bytes, end } = await see({ kind: 'bad-framing', flaw });
    expect(bytes.toString()).toMatch(pattern);
    expect(end).toBe('fin');
  });
});

describe('extra-bytes', () => {
  it('sends a second response in the segment of the first, and keeps the connection', async () => {
    upstream.reply({ kind: 'extra-bytes' }, { kind: 'answer', text: 'the second answer' });
    using client = await rawConnection(upstream.url);
    client.send(rawRequest());
    const first = rawResponse(await client.received((soFar) => soFar.includes('poisoned')));
    expect(first?.complete).toBe(true);
    expect(rawResponse(first?.rest ?? Buffer.alloc(0))).toMatchObject({ status: 200, complete: true });
    expect(client.chunks).toHaveLength(1);
    client.send(rawRequest());
    const both = await client.received((soFar) => soFar.includes('the second answer'));
    expect(both.toString().match(/HTTP\/1\.1 200/g)).toHaveLength(3);
  });
});

describe('responses that must have no body, or no such status', () => {
  it('http-101', async () => {
    const { bytes } = await see({ kind: 'http-101' });
    expect(bytes.toString()).toBe(
      'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
    );
  });

  it('204-with-body', async () => {
    const { bytes } = await see({ kind: '204-with-body' });
    expect(rawResponse(bytes)).toMatchObject({ status: 204, complete: true });
    expect(bytes.toString()).toContain('"type":"message"');
  });
});

describe('raw', () => {
  const BYTES = Buffer.from([0, 255, 13, 10, 0xe4]);

  it.each(['fin', 'rst'] as const)('sends exactly these bytes, then %s', async (ending) => {
    // Node 22 takes a reset by its own process, right behind data, for an end.
    const end = process.version.startsWith('v22.') ? 'fin' : ending;
    expect(await see({ kind: 'raw', bytes: BYTES, ending })).toEqual({ bytes: BYTES, end });
    expect(upstream.requests[0]?.bytesWritten).toBe(BYTES.length);
  });

  it('holds the connection until the client leaves', async () => {
    upstream.reply({ kind: 'raw', bytes: BYTES, ending: 'hold' });
    using client = await rawConnection(upstream.url);
    client.send(rawRequest());
    await client.received((soFar) => soFar.length === BYTES.length);
    client.close();
    expect(await (await upstream.request(1)).closed).toBe('aborted');
  });

  it('lets the connection take the next request', async () => {
    upstream.reply({ kind: 'raw', bytes: BYTES, ending: 'keep-alive', times: 3 });
    using client = await rawConnection(upstream.url);
    for (let n = 1; n <= 3; n++) {
      client.send(rawRequest());
      await client.received((soFar) => soFar.length === n * BYTES.length);
    }
    client.send(rawRequest());
    await client.received((soFar) => soFar.includes('end_turn'));
    expect(upstream.connections).toBe(1);
  });
});
