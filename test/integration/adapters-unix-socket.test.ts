import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  anthropicMessage,
  anthropicStream,
  rawRequest,
  streamAnswer,
  testPipeline,
} from '@sluice/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectQuiet, standsStill } from './adapters-support.ts';
import { NODE_HOSTS } from './mounts.ts';

expectQuiet();

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

// Such a socket knows no reset, and Node throws when it is asked for one.
describe.each(NODE_HOSTS)('$name on a Unix socket', (host) => {
  let sockets = 0;
  const socketPath = (): string => join(folder, `${host.name}-${sockets++}`);

  it('answers', async () => {
    await using test = testPipeline({ answers: [() => Response.json({ ok: 1 })] });
    await using hosted = await host.listen(test.pipeline, { socketPath: socketPath() });
    using client = connectionTo(hosted.url);
    client.socket.write(rawRequest({ path: '/v1/embeddings', headers: { connection: 'close' } }));
    await client.closed;
    expect(client.text()).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\{"ok":1\}\r\n0\r\n\r\n$/);
  });

  it('cuts off a reader that has stopped for 30 s', async () => {
    const endless = (function* () {
      yield* anthropicStream({ text: 'hello' }).slice(0, 3);
      for (;;) yield `: ${'x'.repeat(65_000)}\n\n`;
    })();
    let reads = 0;
    await using test = testPipeline({ answers: [streamAnswer(endless, { onRead: () => reads++ })] });
    await using hosted = await host.listen(test.pipeline, { socketPath: socketPath() });
    using client = connectionTo(hosted.url);
    client.socket.pause();
    client.socket.write(rawRequest({ body: { model: 'm', max_tokens: 1, messages: [], stream: true } }));
    while (reads === 0) await nextTurn();
    await standsStill(() => reads);
    await test.clock.advance(30_000);
    await standsStill(() => test.outcomes.length);
    expect(test.outcomes).toMatchObject([{ kind: 'client-abort' }]);
    client.socket.resume();
    await client.closed;
    expect(client.text()).not.toMatch(/0\r\n\r\n$/);
    expect(hosted.errors).toEqual([]);
  });

  it('answers HTTP/1.0 without a host, and ends a stream by closing, keep-alive or not', async () => {
    const events = anthropicStream();
    await using test = testPipeline({ answers: [streamAnswer(events), streamAnswer(events)] });
    await using hosted = await host.listen(test.pipeline, { socketPath: socketPath() });
    for (const connection of ['close', 'keep-alive']) {
      using client = connectionTo(hosted.url);
      client.socket.write(oldRequest({ connection }, { stream: true }));
      await client.closed;
      const [head = '', body] = client.text().split(/\r\n\r\n([^]*)/);
      expect(head).not.toMatch(/^(transfer-encoding|content-length|connection: keep-alive)/im);
      expect(body).toBe(events.join(''));
    }
    expect(test.outcomes).toMatchObject([{ kind: 'completed' }, { kind: 'completed' }]);
  });

  it('keeps the connection of HTTP/1.0 for the next request when the length is known and the client asks for it', async () => {
    const answer = (): Response => {
      const body = anthropicMessage();
      const headers = { 'content-type': 'application/json', 'content-length': `${Buffer.byteLength(body)}` };
      return new Response(body, { headers });
    };
    await using test = testPipeline({ answers: [answer, answer] });
    await using hosted = await host.listen(test.pipeline, { socketPath: socketPath() });
    using client = connectionTo(hosted.url);
    client.socket.write(oldRequest({ connection: 'keep-alive' }));
    while (!client.text().endsWith(anthropicMessage())) await once(client.socket, 'data');
    expect(client.text()).toMatch(/^connection: keep-alive\r$/im);
    client.socket.write(oldRequest({}));
    await client.closed;
    expect(client.text().split('HTTP/1.1 200 OK')).toHaveLength(3);
    expect(client.text().endsWith(anthropicMessage())).toBe(true);
  });

  it('closes the connection of HTTP/1.0 when an answer is cut that was too long to be held', async () => {
    const { promise: cut, resolve } = Promise.withResolvers<Error>();
    const pieces = [`{"id":"1","content":["${'x'.repeat(1 << 20)}`, cut];
    const headers = { 'content-type': 'application/json', 'content-length': '5000000' };
    await using test = testPipeline({ answers: [streamAnswer(pieces, { headers })] });
    await using hosted = await host.listen(test.pipeline, { socketPath: socketPath() });
    using client = connectionTo(hosted.url);
    client.socket.write(rawRequest().replace('HTTP/1.1', 'HTTP/1.0'));
    await once(client.socket, 'data');
    resolve(new Error('cut'));
    await client.closed;
    expect(client.text()).toContain('content-length: 5000000');
    expect(test.outcomes).toMatchObject([{ kind: 'upstream-error' }]);
    expect(hosted.errors).toEqual([]);
  });
});

/** A request of HTTP/1.0, which needs no host. */
function oldRequest(headers: Readonly<Record<string, string>>, more: object = {}): string {
  const body = { model: 'm', max_tokens: 1, messages: [], ...more };
  return rawRequest({ body, headers })
    .replace('HTTP/1.1', 'HTTP/1.0')
    .replace(/^host: .*\r\n/im, '');
}

interface Connection extends Disposable {
  readonly socket: Socket;
  readonly closed: Promise<unknown>;
  /** What has arrived. */
  text(): string;
}

function connectionTo(path: string): Connection {
  const socket = connect(path);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => undefined);
  return {
    socket,
    closed: new Promise((resolve) => socket.on('close', resolve)),
    text: () => Buffer.concat(chunks).toString(),
    [Symbol.dispose]: () => void socket.destroy(),
  };
}
