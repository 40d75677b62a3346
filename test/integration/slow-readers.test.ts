import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import {
  type Behaviour,
  type FakeUpstream,
  fakeUpstream,
  rawRequest,
  rawResponse,
} from '@sluice/core/testing';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { ProxyFacts } from './slow-readers-proxy.ts';

const MIB = 1 << 20;
const READERS = 1_000;
/** More at once would overflow the queue of a listening socket. */
const AT_ONCE = 100;
/**
 * What each of many gets. The buffers of a local socket hold a quarter of it; a proxy that kept the rest would need half
 * a GiB. Much more, and the system's own buffers, of megabytes each, would be too much for a small machine.
 */
const ANSWER: Behaviour = { kind: 'flood', bytes: 0.75 * MIB, chunkBytes: 16_384 };
/** What each of a few gets: more than any buffer holds. */
const ENDLESS: Behaviour = { kind: 'flood', bytes: Infinity };
/** Half a megabyte each. What it holds is bounded by pieces, not by the length of the answer. */
const MOST_GROWTH_BYTES = 512 * MIB;

const REQUEST = rawRequest({
  headers: { 'content-type': 'application/json' },
  body: { model: 'm', max_tokens: 9, stream: true, messages: [{ role: 'user', content: 'Hello' }] },
});

let folder: string;
let upstream: FakeUpstream;
let proxy: ChildProcess;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-slow-'));
  upstream = await fakeUpstream({ keepRequests: READERS });
  proxy = fork(new URL('slow-readers-proxy.ts', import.meta.url), [upstream.url, socketPath()], {
    execArgv: ['--expose-gc'],
  });
  await once(proxy, 'message');
});
beforeEach(() => {
  upstream.reset();
});
afterAll(async () => {
  proxy.disconnect();
  await once(proxy, 'exit');
  await upstream.close();
  await rm(folder, { recursive: true });
});

/** A local socket: its buffers are small, while those of TCP on loopback would hold all there is. */
const socketPath = (): string => join(folder, 'proxy.sock');

it(`${READERS} slow readers cost the proxy little memory`, async () => {
  const before = await factsOfProxy();
  upstream.script(() => ANSWER);
  await using readers = await open(READERS);
  await untilUpstreamStands();
  const held = await factsOfProxy();
  expect(held.calls).toBe(READERS);
  expect(held.rss - before.rss).toBeLessThan(MOST_GROWTH_BYTES);

  readers.leave();
  await expectAllFree();
  // Most of a gigabyte moves: some seconds, and more on a busy machine.
}, 90_000);

it('a slow reader gets everything once it reads on', async () => {
  upstream.script(() => ANSWER);
  await using readers = await open(10);
  await untilUpstreamStands();
  for (const bytes of await Promise.all(readers.all.map(readOn))) {
    const response = rawResponse(bytes);
    expect(response?.complete).toBe(true);
    expect(response?.body.length).toBeGreaterThan(0.75 * MIB);
    expect(response?.body.subarray(-100).toString()).toContain('message_stop');
  }
});

it('an upstream writes no further while nobody reads, and is let go when the readers leave', async () => {
  upstream.script(() => ENDLESS);
  await using readers = await open(10);
  await untilUpstreamStands();
  const before = written();
  await wait(500);
  expect(written()).toBe(before);
  expect(upstream.openStreams).toBe(10);

  readers.leave();
  await expectAllFree();
  expect(await Promise.all(upstream.requests.map(({ closed }) => closed))).toEqual(Array(10).fill('aborted'));
});

interface Reader {
  readonly socket: Socket;
  readonly beginning: Buffer;
}

interface Readers extends AsyncDisposable {
  readonly all: readonly Reader[];
  leave(): void;
}

/** Opens streams, and reads the beginning of each. */
async function open(count: number): Promise<Readers> {
  const all: Reader[] = [];
  while (all.length < count) {
    const batch = Math.min(AT_ONCE, count - all.length);
    all.push(...(await Promise.all(Array.from({ length: batch }, openOne))));
  }
  const leave = (): void => {
    for (const { socket } of all) socket.destroy();
  };
  return { all, leave, [Symbol.asyncDispose]: async () => leave() };
}

async function openOne(): Promise<Reader> {
  const socket = connect(socketPath());
  socket.write(REQUEST);
  const [beginning] = (await once(socket, 'data')) as [Buffer];
  socket.pause();
  return { socket, beginning };
}

/** Reads to the last chunk. */
async function readOn({ socket, beginning }: Reader): Promise<Buffer> {
  const chunks = [beginning];
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    if (Buffer.concat(chunks.slice(-2)).subarray(-5).equals(Buffer.from('0\r\n\r\n'))) break;
  }
  return Buffer.concat(chunks);
}

async function factsOfProxy(): Promise<ProxyFacts> {
  proxy.send('measure');
  const [facts] = (await once(proxy, 'message')) as [ProxyFacts];
  return facts;
}

function written(): number {
  return upstream.requests.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0);
}

/** Waits until nothing was written for a while. */
async function untilUpstreamStands(): Promise<void> {
  for (let before = -1, now = 0; now !== before;) {
    before = now;
    await wait(300);
    now = written();
  }
}

async function expectAllFree(): Promise<void> {
  await Promise.all(upstream.requests.map(({ closed }) => closed));
  expect(upstream.openStreams).toBe(0);
  await expect.poll(async () => (await factsOfProxy()).calls, { timeout: 10_000 }).toBe(0);
}
