import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type RawConnection,
  rawConnection,
  rawRequest,
  type RawResponse,
  rawResponse,
  type TestPipeline,
  testPipeline,
} from '@sluice/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectQuiet } from './adapters-support.ts';
import { type Host, type HostOptions, type Hosted, HOSTS } from './mounts.ts';

expectQuiet();

let test: TestPipeline;
let hosted: Hosted | undefined;
let clients: RawConnection[];
beforeEach(() => {
  clients = [];
  test = testPipeline({ answers: Array.from({ length: 9 }, () => () => Response.json({ ok: 1 })) });
});
afterEach(async () => {
  for (const client of clients) client.close();
  await hosted?.[Symbol.asyncDispose]();
  expect(hosted?.errors).toEqual([]);
  await test[Symbol.asyncDispose]();
});

const ANTHROPIC = { 'x-api-key': 'k' };
const CHUNKED = `POST /v1/embeddings HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n`;
const chunk = (length: number): string => `${length.toString(16)}\r\n${'x'.repeat(length)}\r\n`;
/** A head that announces a body, and as much of it as is asked for. */
const upload = (length: number, sent: number): string =>
  rawRequest({
    path: '/v1/embeddings',
    headers: { ...ANTHROPIC, 'content-length': String(length) },
    body: 'x'.repeat(sent),
  });

async function connect(): Promise<RawConnection> {
  const client = await rawConnection((hosted as Hosted).url);
  clients.push(client);
  return client;
}

async function answer(client: RawConnection): Promise<RawResponse> {
  return rawResponse(await client.received((soFar) => rawResponse(soFar)?.complete === true)) as RawResponse;
}

/** Begins an upload, and waits until the mount has begun to read it. */
async function begin(bytes: string): Promise<RawConnection> {
  const timers = test.clock.pendingTimers;
  const client = await connect();
  client.send(bytes);
  while (test.clock.pendingTimers === timers) await nextTurn();
  return client;
}

async function ask(bytes: string): Promise<RawResponse> {
  const client = await connect();
  client.send(bytes);
  return answer(client);
}

async function serve(host: Host, options: HostOptions = {}): Promise<void> {
  hosted = await host.listen(test.pipeline, { maxBufferedBytes: 1_000, ...options });
}

describe.each(HOSTS)('$name', (host) => {
  it('refuses a body that has no room beside those in arrival, in the dialect, and takes it later', async () => {
    await serve(host);
    const slow = await begin(upload(900, 899));
    const refused = await ask(upload(102, 102));
    expect(refused.status).toBe(503);
    expect(refused.header('retry-after')).toBe('1');
    expect(refused.header('x-should-retry')).toBe(undefined);
    expect(JSON.parse(refused.body.toString())).toMatchObject({
      type: 'error',
      error: { type: 'api_error', message: 'Too many calls are in progress. Try again later.' },
    });
    expect(test.transport.requests).toEqual([]);
    expect((await ask(upload(100, 100))).status).toBe(200);
    slow.send('x');
    expect((await answer(slow)).status).toBe(200);
    expect((await ask(upload(1_000, 1_000))).status).toBe(200);
  });

  it('counts chunks as they come, and gives up the body that goes beyond', async () => {
    await serve(host);
    const slow = await begin(upload(600, 599));
    const growing = await begin(CHUNKED + chunk(400));
    growing.send(chunk(2));
    expect((await answer(growing)).status).toBe(503);
    // What it had held is free at once, though it is still connected.
    expect((await ask(upload(400, 400))).status).toBe(200);
    slow.send('x');
    expect((await answer(slow)).status).toBe(200);
  });

  it('keeps no room for what was only announced', async () => {
    await serve(host);
    for (let count = 0; count < 3; count++) await begin(upload(1_000, 1));
    expect((await ask(upload(900, 900))).status).toBe(200);
  });

  it('refuses with 413 what can never have room', async () => {
    await serve(host);
    expect((await ask(upload(1_001, 0))).status).toBe(413);
  });

  it('frees the room of whoever leaves', async () => {
    await serve(host);
    await begin(upload(500, 499));
    await begin(CHUNKED + chunk(500));
    expect((await ask(upload(100, 100))).status).toBe(503);
    for (const client of clients) client.close();
    while (test.clock.pendingTimers > 0) await nextTurn();
    expect((await ask(upload(1_000, 1_000))).status).toBe(200);
  });

  it('frees the room of whoever is too slow or sends too much', async () => {
    await serve(host, { bodyTimeoutMs: 5_000, maxBodyBytes: 500 });
    const slow = await begin(upload(500, 1));
    const large = await begin(CHUNKED + chunk(500));
    large.send(chunk(1));
    expect((await answer(large)).status).toBe(413);
    await test.clock.advance(5_000);
    expect((await answer(slow)).status).toBe(408);
    await begin(upload(500, 1));
    expect((await ask(upload(500, 500))).status).toBe(200);
  });
});
