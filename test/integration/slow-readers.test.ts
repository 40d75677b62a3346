import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Behaviour, type FakeUpstream, fakeUpstream, rawRequest, rawResponse } from '@sluice/core/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ProxyFacts } from './slow-readers-proxy.ts';

const MIB = 1 << 20;
const READERS = 1_000;
/** More at once would overflow the queue of a listening socket. */
const AT_ONCE = 100;
/** What each of many gets: the system's buffers of a local socket hold a third of it, and a proxy that kept the rest would need half a GiB. */
const ANSWER: Behaviour = { kind: 'flood', bytes: 0.75 * MIB, chunkBytes: 16_384 };
/** What each of a few gets: more than any buffer holds. */
const ENDLESS: Behaviour = { kind: 'flood', bytes: Infinity };
const MOST_GROWTH = 256 * MIB;

const REQUEST = rawRequest({
  headers: { 'content-type': 'application/json' },
  body: { model: 'm', max_tokens: 9, stream: true, messages: [{ role: 'user', content: 'Hello' }] },
});

let folder: string;
let upstream: FakeUpstream;
let proxy: ChildProcess;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-slow-'));
  upstream = await fakeUpstream({ keepRequests: 2 * READERS });
  proxy = fork(new URL('slow-readers-proxy.ts', import.meta.url), [upstream.url, socketPath()], {
    execArgv: ['--expose-gc'],
  });
  await once(proxy, 'message');
});
afterAll(async () => {
  proxy.disconnect();
  await once(proxy, 'exit');
  await upstream.close();
  await rm(folder, { recursive: true });
});

/** A local socket: its buffers are small, while those of TCP on loopback would hold all there is. */
const socketPath = (): string => join(folder, 'proxy.sock');

it(`${READERS} slow readers cost the proxy little memory, and get everything when they read on`, async () => {
  const begun = await factsOfProxy();
  upstream.script(() => ANSWER);
  const readers = await open(READERS);
  await untilUpstreamStands();
  const held = await factsOfProxy();
  expect(held.calls).toBe(READERS);
  console.log('GROWTH', begun, held, written().bytes / MIB);
  expect(held.rss - begun.rss).toBeLessThan(MOST_GROWTH);

  const [first, ...others] = readers;
  const whole = rawResponse(await first!.readOn());
  expect(whole?.complete).toBe(true);
  expect(whole?.body.toString()).toContain('message_stop');
  for (const other of others) other.socket.destroy();
  await untilAllIsFree();
});

it('an upstream writes no further while nobody reads', async () => {
  upstream.reset();
  upstream.script(() => ENDLESS);
  const readers = await open(10);
  await untilUpstreamStands();
  const { bytes } = written();
  await wait(500);
  expect(written().bytes).toBe(bytes);
  expect(upstream.openStreams).toBe(10);

  for (const { socket } of readers) socket.destroy();
  await untilAllIsFree();
  expect(await Promise.all(upstream.requests.map(({ closed }) => closed))).toEqual(Array(10).fill('aborted'));
});

interface Reader {
  readonly socket: Socket;
  /** Reads until the answer is whole, or the connection ends. */
  readonly readOn: () => Promise<Buffer>;
}

/** Opens streams, and reads the beginning of each. */
async function open(count: number): Promise<Reader[]> {
  const readers: Reader[] = [];
  while (readers.length < count) {
    const batch = Math.min(AT_ONCE, count - readers.length);
    readers.push(...(await Promise.all(Array.from({ length: batch }, openOne))));
  }
  return readers;
}

async function openOne(): Promise<Reader> {
  const socket = connect(socketPath());
  const chunks: Buffer[] = [];
  socket.on('error', () => undefined);
  socket.write(REQUEST);
  const [beginning] = (await once(socket, 'data')) as [Buffer];
  socket.pause();
  chunks.push(beginning);
  const readOn = (): Promise<Buffer> =>
    new Promise((resolve) => {
      const done = (): void => {
        socket.destroy();
        resolve(Buffer.concat(chunks));
      };
      socket.on('close', done).on('data', (chunk) => {
        chunks.push(chunk);
        if (chunk.includes('message_stop')) setTimeout(done, 50);
      });
      socket.resume();
    });
  return { socket, readOn };
}

async function factsOfProxy(): Promise<ProxyFacts> {
  proxy.send('measure');
  const [facts] = (await once(proxy, 'message')) as [ProxyFacts];
  return facts;
}

function written(): { bytes: number } {
  return { bytes: upstream.requests.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0) };
}

/** Waits until nothing was written for a while. */
async function untilUpstreamStands(): Promise<void> {
  for (let before = -1, now = 0; now !== before; ) {
    before = now;
    await wait(300);
    now = written().bytes;
  }
}

async function untilAllIsFree(): Promise<void> {
  await Promise.all(upstream.requests.map(({ closed }) => closed));
  expect(upstream.openStreams).toBe(0);
  await expect.poll(async () => (await factsOfProxy()).calls, { timeout: 10_000 }).toBe(0);
}
