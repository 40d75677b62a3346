import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { mount } from '@sluice/adapters/node';
import { CLOCK, createPipeline, provide } from '@sluice/core';
import { fakeClock, fakeUpstream, rawConnection, rawRequest, rawResponse } from '@sluice/core/testing';
import { expect, it } from 'vitest';
import { expectQuiet, standsStill } from './adapters-support.ts';
import { type Host, HOSTS, NODE_HOSTS } from './mounts.ts';

/** The sockets of the system take about 9 MB of each. */
const ANSWER_BYTES = 64 << 20;
const question = (stream: boolean): string =>
  rawRequest({ body: { model: 'claude-opus-5-5', max_tokens: 1024, messages: [], stream } });

expectQuiet();

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

it('holds little for 100 readers that have stopped, and lets them go after 30 s', async () => {
  await expectBounded(NODE_HOSTS[0] as Host, 100, question(false));
  // Nearly a gigabyte goes into the system's sockets: some seconds, and more on a busy machine.
}, 120_000);

it.each(HOSTS)(
  '$name holds little for readers of a stream that have stopped, and lets them go',
  async (host) => {
    await expectBounded(host, 5, question(true));
  },
);

it('a JSON answer that waits for its reader when the pipeline gives up never ends properly', async () => {
  const answer = JSON.stringify({ type: 'message', content: [{ type: 'text', text: 'y'.repeat(900_000) }] });
  // Without a length: the client can tell by the end alone that it has all of it.
  const upstream = createServer((req, res) => {
    req.resume();
    res.setHeader('content-type', 'application/json');
    for (let at = 0; at < answer.length; at += 60_000) res.write(answer.slice(at, at + 60_000));
    res.end();
  });
  await once(upstream.listen(0, '127.0.0.1'), 'listening');
  const clock = fakeClock();
  const pipeline = createPipeline({
    upstream: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`,
    services: [provide(CLOCK, () => clock)],
  });
  const handle = mount(pipeline);
  const server = createServer((req, res) => void handle(req, res));
  let written = (): number => 0;
  server.on('connection', (socket) => (written = () => socket.bytesWritten));
  // A local socket: the buffers of TCP on loopback would hold all of it.
  const folder = await mkdtemp(join(tmpdir(), 'sluice-cut-'));
  await once(server.listen(join(folder, 'app.sock')), 'listening');

  const client = connect(join(folder, 'app.sock'));
  client.write(question(false));
  const [beginning] = (await once(client, 'data')) as [Buffer];
  client.pause();
  await standsStill(written);
  const draining = pipeline.drain(100);
  await clock.advance(100);
  await draining;
  const got = rawResponse(Buffer.concat([beginning, ...(await client.toArray())]));
  expect(got?.body.length).toBeLessThan(answer.length);
  expect([got?.status, got?.complete]).toEqual([200, false]);

  await pipeline.close(0);
  server.close();
  upstream.close();
  await rm(folder, { recursive: true });
});

async function expectBounded(host: Host, readers: number, request: string): Promise<void> {
  await using upstream = await fakeUpstream();
  upstream.script(() => ({ kind: 'flood', bytes: ANSWER_BYTES }));
  const clock = fakeClock();
  await using pipeline = createPipeline({ upstream: upstream.url, services: [provide(CLOCK, () => clock)] });
  await using hosted = await host.listen(pipeline);

  const before = usedBytes();
  const clients = await Promise.all(
    Array.from({ length: readers }, async () => {
      const client = await rawConnection(hosted.url);
      client.send(request);
      await client.received((soFar) => soFar.includes('msg_'));
      client.socket.pause();
      return client;
    }),
  );
  await standsStill(() => written());
  // The upstream has stopped, with most of each answer still to come. What it wrote, the system's sockets hold.
  for (const { bytesWritten } of upstream.requests) expect(bytesWritten).toBeLessThan(ANSWER_BYTES / 2);
  // The upstream's own buffers, the clients' first chunks and what is not collected yet are in this process too.
  expect(usedBytes() - before).toBeLessThan((40 + readers) << 20);

  expect(upstream.openStreams).toBe(readers);
  await clock.advance(30_000);
  expect(await Promise.all(upstream.requests.map(({ closed }) => closed))).toEqual(
    Array(readers).fill('aborted'),
  );
  for (const client of clients) client.close();
  expect(hosted.errors).toEqual([]);

  function written(): number {
    return upstream.requests.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0);
  }
}

function usedBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
