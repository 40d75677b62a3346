import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BehaviourInput } from '../testing/fake-upstream/behaviours/choose-behaviour.ts';
import { anthropicStream } from '../testing/anthropic-wire.ts';
import { fakeUpstream, type FakeUpstream } from '../testing/fake-upstream.ts';
import { SocketCase } from '../testing/socket-case.ts';
import { tcpServer } from '../testing/tcp-server.ts';
import type { Socket } from 'node:net';

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

const until = async (condition: () => boolean): Promise<void> => {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('what was waited for did not happen');
    await nextTurn();
  }
};

describe('back-pressure', () => {
  it('keeps the upstream from writing while nobody reads', async () => {
    upstream.reply({ kind: 'flood', bytes: Infinity });
    const response = await over.test.post({ stream: true });
    const [request] = upstream.requests;
    let before = -1;
    // The kernel's buffers fill up first; then nothing moves any more.
    for (let still = 0; still < 50 && before < 64 << 20;) {
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
    const fast = await over.post({ stream: true });
    const response = await over.test.post({ stream: true });
    let slow = '';
    for await (const chunk of response.body as ReadableStream<Uint8Array>) {
      slow += Buffer.from(chunk).toString('latin1');
      await nextTurn();
    }
    expect(slow.length).toBe(Buffer.byteLength(fast.body as string));
    expect(over.test.outcomes[1]?.kind).toBe('completed');
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
    const call = over.post({ stream: true }, { signal: caller.signal }).catch((error: unknown) => error);
    const request = await upstream.request(1);
    if (behaviour === 'stall; at=mid-stream') await until(() => request.bytesWritten > 0);
    const left = performance.now();
    caller.abort(new Error('I leave'));
    expect(await request.closed).toBe('aborted');
    expect(performance.now() - left).toBeLessThan(1_000);
    await call;
    expect(over.test.outcomes.map(({ kind }) => kind)).toEqual(['client-abort']);
  });

  it('while the call waits for a connection: not a byte of it is sent', async () => {
    await over.reassemble({ transport: { connections: 1 } });
    upstream.reply('stall; at=mid-stream');
    const first = await over.test.post({ stream: true });
    const caller = new AbortController();
    const second = over.test.post({}, { signal: caller.signal });
    await nextTurn();
    caller.abort(new Error('I leave'));
    await expect(second).rejects.toThrow('I leave');
    await first.body?.cancel();
    expect(await over.post()).toMatchObject({ status: 200 });
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
  beforeEach(() => over.reassemble({ timeouts }));

  it('an upstream that does not begin to answer: first_event_timeout for streams, total_timeout for others', async () => {
    upstream.reply('stall; at=before-headers', 'stall; at=before-headers');
    const streamed = over.post({ stream: true });
    await upstream.request(1);
    await over.test.clock.advance(4_999);
    expect(over.test.outcomes).toEqual([]);
    await over.test.clock.advance(1);
    expect(await streamed).toMatchObject({ status: 504, code: 'first_event_timeout', kind: 'timeout' });
    const json = over.post();
    await upstream.request(2);
    await over.test.clock.advance(20_000);
    expect(await json).toMatchObject({ status: 504, code: 'total_timeout', kind: 'timeout' });
    for (const request of upstream.requests) expect(await request.closed).toBe('aborted');
  });

  it('an upstream that begins and sends pings only: first_event_timeout as an error event', async () => {
    upstream.reply('pings-only');
    const response = await over.test.post({ stream: true });
    const text = response.text();
    const request = await upstream.request(1);
    for (let pings = 0; pings < 5; pings++) {
      const before = request.bytesWritten;
      await until(() => request.bytesWritten > before);
      await over.test.clock.advance(1_000);
    }
    expect(over.test.outcomes).toMatchObject([{ kind: 'timeout', cause: { code: 'first_event_timeout' } }]);
    expect(await text).toMatch(
      /event: ping\n[^]*event: error\ndata: .*did not begin to answer in time.*\n\n$/,
    );
    expect(await request.closed).toBe('aborted');
  });

  it('an upstream that drips bytes which make no event: idle_timeout', async () => {
    const drip = Promise.withResolvers<Socket>();
    await using server = await tcpServer((socket) => socket.once('data', () => drip.resolve(socket)));
    await over.reassemble({ timeouts, upstream: server.url });
    const pending = over.test.post({ stream: true });
    const socket = await drip.promise;
    const send = (data: string): void => void socket.write(`${data.length.toString(16)}\r\n${data}\r\n`);
    socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n');
    for (const event of anthropicStream().slice(0, 3)) send(event);
    let read = '';
    const reading = (async (body: AsyncIterable<Uint8Array>) => {
      for await (const chunk of body) read += Buffer.from(chunk).toString();
    })((await pending).body as unknown as AsyncIterable<Uint8Array>);
    await until(() => read.includes('content_block_start'));
    for (let i = 0; i < 40 && over.test.outcomes.length === 0; i++) {
      send(i % 3 === 0 ? ': comment\n\n' : 'x');
      for (let turn = 0; turn < 5; turn++) await nextTurn();
      await over.test.clock.advance(200);
    }
    expect(over.test.outcomes).toMatchObject([{ kind: 'timeout', cause: { code: 'idle_timeout' } }]);
    expect(over.test.clock.now()).toBeLessThan(4_000);
    await reading;
    expect(read).toMatch(/: comment\n[^]*event: error\ndata: .*stopped in the middle/);
  });

  it('an upstream that stops in the middle: idle_timeout as an error event, and its connection is closed', async () => {
    upstream.reply('stall; at=mid-stream');
    const response = await over.test.post({ stream: true });
    const text = response.text();
    const request = await upstream.request(1);
    let seen = 0;
    await until(() => {
      const still = request.bytesWritten === seen && seen > 0;
      seen = request.bytesWritten;
      return still;
    });
    await nextTurn();
    await over.test.clock.advance(3_000);
    await over.test.clock.advance(3_000);
    expect(await text).toMatch(/event: error\ndata: .*stopped in the middle.*\n\n$/);
    expect(over.test.outcomes).toMatchObject([{ kind: 'timeout', cause: { code: 'idle_timeout' } }]);
    expect(await request.closed).toBe('aborted');
  });

  it('an upstream whose JSON answer stops in the middle: idle_timeout ends it', async () => {
    upstream.reply('stall; at=mid-stream; afterEvents=1');
    const asked = upstream.request();
    const call = over.test.post();
    await asked;
    // The deadline, and the idle clock that begins with the wait for the rest.
    while (over.test.clock.pendingTimers < 2) await nextTurn();
    await over.test.clock.advance(3_000);
    await over.test.clock.advance(3_000);
    expect(await (await call).json()).toMatchObject({ error: { type: 'timeout_error' } });
    expect(over.test.outcomes).toMatchObject([{ kind: 'timeout', cause: { code: 'idle_timeout' } }]);
  });

  it('leave no timer behind', async () => {
    await over.post();
    await over.post({ stream: true });
    upstream.reply('status; status=529', 'reset-before-headers', 'reset-mid-stream');
    for (let i = 0; i < 3; i++) await over.post({ stream: true });
    expect(over.test.clock.pendingTimers).toBe(0);
  });
});
