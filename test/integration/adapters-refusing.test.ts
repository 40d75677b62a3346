import { setImmediate as nextTurn } from 'node:timers/promises';
import { PipelineError } from '@sluice/core';
import {
  anthropicStream,
  type RawConnection,
  rawConnection,
  rawRequest,
  type RawResponse,
  rawResponse,
  streamAnswer,
  type TestPipeline,
  testPipeline,
  type TestPipelineOptions,
} from '@sluice/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { expectQuiet, standsStill } from './adapters-support.ts';
import { HOST_ANSWER, type Host, type HostOptions, type Hosted, HOSTS, NODE_HOSTS } from './mounts.ts';

/** The beginning of a JSON answer of which more than a megabyte has come: it is handed on before it is whole. */
const BEYOND_THE_HOLD = `{"id":"1","content":["${'x'.repeat(1 << 20)}`;

expectQuiet();

let test: TestPipeline | undefined;
let hosted: Hosted | undefined;
afterEach(async () => {
  await hosted?.[Symbol.asyncDispose]();
  await test?.[Symbol.asyncDispose]();
  expect(hosted?.errors).toEqual([]);
  // What was started was also stopped.
  expect(test?.clock.pendingTimers).toBe(0);
});

async function serve(
  host: Host,
  options: HostOptions,
  more: TestPipelineOptions = {},
): Promise<RawConnection> {
  test = testPipeline({ answers: Array.from({ length: 3 }, () => () => Response.json({ ok: 1 })), ...more });
  hosted = await host.listen(test.pipeline, options);
  return rawConnection(hosted.url);
}

/** The first whole final response. */
async function answer(client: RawConnection): Promise<RawResponse> {
  const bytes = await client.received((soFar) => rawResponse(soFar)?.complete === true);
  return rawResponse(bytes) as RawResponse;
}

const ANTHROPIC = { 'x-api-key': 'k' };
const error = (type: string): object => ({
  type: 'error',
  error: { type, message: expect.any(String) as string },
});

describe.each(NODE_HOSTS)('$name', (host) => {
  it('answers 413 by content-length alone, to a client that goes on sending', async () => {
    using client = await serve(host, { maxBodyBytes: 1_000 });
    const body = 'x'.repeat(10 << 20);
    client.send(
      rawRequest({
        headers: { ...ANTHROPIC, 'content-length': String(body.length) },
        body: body.slice(0, 999),
      }),
    );
    const response = await answer(client);
    expect(response.status).toBe(413);
    expect(response.header('connection')).toBe('close');
    expect(JSON.parse(response.body.toString())).toMatchObject(error('request_too_large'));
    // It is let finish: a reset would have taken the answer away from a client that had not read it yet.
    client.send(body.slice(999));
    expect(await client.ended).toBe('fin');
    expect(test?.transport.requests).toEqual([]);
  });

  it('answers 413 as soon as it has counted too much', async () => {
    using client = await serve(host, { maxBodyBytes: 1_000 });
    client.send('POST /v1/messages HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n');
    client.send(`3e8\r\n${'x'.repeat(1_000)}\r\n`);
    client.send('1\r\nx\r\n');
    expect((await answer(client)).status).toBe(413);
    client.send('0\r\n\r\n');
    expect(await client.ended).toBe('fin');
    expect(test?.transport.requests).toEqual([]);
  });

  it('does not wait longer than two seconds for a refused body to end', async () => {
    using client = await serve(host, { maxBodyBytes: 1_000 });
    client.send(rawRequest({ headers: { 'content-length': '2000' }, body: 'x' }));
    expect((await answer(client)).status).toBe(413);
    await test?.clock.advance(2_000);
    expect(await client.ended).toBe('fin');
  });

  it('takes a body of exactly the limit', async () => {
    const body = { model: 'm', max_tokens: 1, messages: [] };
    using client = await serve(host, { maxBodyBytes: JSON.stringify(body).length });
    client.send(rawRequest({ path: '/v1/embeddings', body }));
    expect((await answer(client)).status).toBe(200);
  });

  it('answers 408 to a body that does not arrive in time, however it drips', async () => {
    using client = await serve(host, { bodyTimeoutMs: 10_000 });
    client.send(rawRequest({ headers: { ...ANTHROPIC, 'content-length': '2000' }, body: 'x' }));
    for (let second = 0; second < 10; second++) {
      client.send('x');
      while (test?.clock.pendingTimers === 0) await nextTurn();
      await test?.clock.advance(1_000);
    }
    const response = await answer(client);
    expect(response.status).toBe(408);
    expect(JSON.parse(response.body.toString())).toMatchObject({ type: 'error' });
    await test?.clock.advance(2_000);
    expect(await client.ended).toBe('fin');
  });

  it('keeps the connection when a refused request was read whole', async () => {
    using client = await serve(host, {});
    client.send(rawRequest({ path: '/nowhere' }));
    const first = await answer(client);
    expect(first.status).toBe(404);
    expect(first.header('connection')).not.toBe('close');
    client.send(rawRequest({ path: '/v1/embeddings' }));
    await client.received((soFar) => soFar.includes('"ok":1'));
  });

  it('cuts off a reader that has stopped for 30 s, and lets the upstream go', async () => {
    const endless = (function* () {
      yield* anthropicStream({ text: 'hello' }).slice(0, 3);
      for (;;) yield `: ${'x'.repeat(65_000)}\n\n`;
    })();
    let reads = 0;
    const stream = streamAnswer(endless, { onRead: () => reads++ });
    using client = await serve(host, {}, { answers: [stream] });
    client.send(rawRequest({ body: { model: 'm', max_tokens: 1, messages: [], stream: true } }));
    await client.received((soFar) => soFar.includes('message_start'));
    client.socket.pause();
    await standsStill(() => reads);
    await test?.clock.advance(29_000);
    expect(test?.outcomes).toEqual([]);
    await test?.clock.advance(1_000);
    await standsStill(() => test?.outcomes.length ?? 0);
    expect(test?.outcomes).toMatchObject([{ kind: 'client-abort' }]);
    client.socket.resume();
    // By a reset, but for Node 22 while bytes are waiting. For the reader no end either way.
    await client.ended;
    expect(rawResponse(await client.received())?.complete).toBe(false);
  });

  it('cuts off a reader that stops before the last bytes', async () => {
    const text = 'x'.repeat(20 << 20);
    using client = await serve(host, {}, { answers: [() => Response.json({ text })] });
    client.socket.pause();
    client.send(rawRequest({ path: '/v1/embeddings' }));
    while (test?.outcomes.length === 0 && (test?.clock.pendingTimers ?? 0) < 2) await nextTurn();
    for (let tries = 0; tries < 30; tries++) await test?.clock.advance(1_000);
    client.socket.resume();
    await client.ended;
    expect(rawResponse(await client.received())?.complete).toBe(false);
  });

  it('answers with an error when a JSON answer is cut', async () => {
    const headers = { 'content-type': 'application/json' };
    const stream = streamAnswer(['{"id":"1","content":[', new Error('cut')], { headers });
    using client = await serve(host, {}, { answers: [stream] });
    client.send(rawRequest());
    const response = await answer(client);
    expect([response.status, response.complete]).toEqual([502, true]);
    expect(JSON.parse(response.body.toString())).toMatchObject({ type: 'error' });
    expect(test?.outcomes).toMatchObject([{ kind: 'upstream-error', status: 502 }]);
  });

  it('breaks the connection when a JSON answer is cut that was too long to be held', async () => {
    const { promise: cut, resolve } = Promise.withResolvers<Error>();
    const headers = { 'content-type': 'application/json' };
    using client = await serve(host, {}, { answers: [streamAnswer([BEYOND_THE_HOLD, cut], { headers })] });
    client.send(rawRequest());
    await client.received((soFar) => soFar.includes('content'));
    resolve(new Error('cut'));
    await client.ended;
    expect(rawResponse(await client.received())?.complete).toBe(false);
    expect(test?.outcomes).toMatchObject([{ kind: 'upstream-error' }]);
  });

  it('resets the connection of HTTP/1.0 when a JSON answer is cut: an end would be the end of the body', async () => {
    const stream = streamAnswer([BEYOND_THE_HOLD, new Error('cut')], {
      headers: { 'content-type': 'application/json' },
    });
    using client = await serve(host, {}, { answers: [stream] });
    client.send(rawRequest().replace('HTTP/1.1', 'HTTP/1.0'));
    // Node 22 takes a reset by its own process, right behind data, for an end.
    expect(await client.ended).toBe(process.version.startsWith('v22.') ? 'fin' : 'rst');
  });

  it('ends a cut stream with the error event of its dialect', async () => {
    const stream = streamAnswer([...anthropicStream({ text: 'hello' }).slice(0, 4), new Error('cut')]);
    using client = await serve(host, {}, { answers: [stream] });
    client.send(rawRequest({ body: { model: 'm', max_tokens: 1, messages: [], stream: true } }));
    const response = await answer(client);
    expect(response.body.toString()).toMatch(/event: error\ndata: .*\n\n$/);
    expect(response.complete).toBe(true);
  });

  it('says the error of a cut stream whole, whatever length the upstream had announced', async () => {
    const headers = { 'content-length': '100000' };
    const stream = streamAnswer([...anthropicStream({ text: 'hello' }).slice(0, 4), new Error('cut')], {
      headers,
    });
    using client = await serve(host, {}, { answers: [stream] });
    client.send(rawRequest({ body: { model: 'm', max_tokens: 1, messages: [], stream: true } }));
    const response = await answer(client);
    expect(response.header('content-length')).toBe(undefined);
    expect(response.body.toString()).toMatch(/event: error\ndata: .*\n\n$/);
  });

  it.each(['3', '300'])(
    'breaks the connection when a body of 10 bytes was announced with %s',
    async (length) => {
      const headers = { 'content-type': 'application/json', 'content-length': length };
      using client = await serve(host, {}, { answers: [() => new Response('{"ok":111}', { headers })] });
      client.send(rawRequest({ path: '/v1/embeddings' }) + rawRequest({ path: '/v1/embeddings' }));
      await client.ended;
      expect((await client.received()).toString()).not.toContain('"ok":1}');
    },
  );

  it('breaks the connection when one long piece was announced with another length', async () => {
    const headers = { 'content-type': 'application/json', 'content-length': '10' };
    const text = 'x'.repeat(100_000);
    using client = await serve(host, {}, { answers: [() => Response.json({ text }, { headers })] });
    client.send(rawRequest({ path: '/v1/embeddings' }));
    await client.ended;
    expect(rawResponse(await client.received())?.complete).not.toBe(true);
  });

  it('announces no body where there is none', async () => {
    const none = new Response(null, { status: 204, headers: { 'content-length': '5' } });
    using client = await serve(host, {}, { answers: [none, () => Response.json({ ok: 1 })] });
    client.send(rawRequest({ path: '/v1/embeddings' }) + rawRequest({ path: '/v1/embeddings' }));
    const bytes = await client.received((soFar) => soFar.includes('"ok":1}'));
    expect(bytes.toString()).toMatch(
      /^HTTP\/1\.1 204 No Content\r\n(?:(?!content-length).*\r\n)*\r\nHTTP\/1\.1 200 OK\r\n/i,
    );
  });

  it('ends its streams with an error event when the pipeline is closed, and refuses new calls', async () => {
    const { promise: silence } = Promise.withResolvers<string>();
    const stream = streamAnswer([...anthropicStream({ text: 'hello' }).slice(0, 4), silence]);
    using client = await serve(host, {}, { answers: [stream] });
    client.send(rawRequest({ body: { model: 'm', max_tokens: 1, messages: [], stream: true } }));
    await client.received((soFar) => soFar.includes('text_delta'));
    const drained = test?.pipeline.drain(10_000);
    using late = await rawConnection((hosted as Hosted).url);
    late.send(rawRequest({ headers: ANTHROPIC }));
    const refused = await answer(late);
    expect(refused.status).toBe(503);
    expect(refused.header('x-should-retry')).toBe(undefined);
    await test?.clock.advance(10_000);
    await drained;
    const response = await answer(client);
    expect(response.body.toString()).toMatch(/event: error\ndata: .*shutting down.*\n\n$/);
    expect(test?.outcomes).toMatchObject([{ kind: 'shutdown' }]);
  });

  it('leaves the headers alone that host middleware has set, but not those of another body', async () => {
    const upstreamHeaders = {
      'access-control-allow-origin': '*',
      'anthropic-organization-id': 'org',
      location: 'https://elsewhere.test/',
      vary: 'accept-encoding',
      'x-request-id': 'theirs',
      'request-id': 'req_1',
    };
    using client = await serve(
      host,
      {
        before: (_req, res) => {
          res.statusCode = 404;
          res.statusMessage = 'Not Found';
          for (const [name, value] of Object.entries({
            'Access-Control-Allow-Origin': 'https://app.test',
            'Content-Length': '5',
            'Content-Type': 'text/html',
            ETag: '"a"',
            'Set-Cookie': ['a=1', 'b=2'],
            Vary: 'Origin',
            'X-Frame-Options': 'DENY',
            'X-Request-Id': 'ours',
          })) {
            res.setHeader(name, value);
          }
        },
      },
      { answers: [() => Response.json({ ok: 1 }, { headers: upstreamHeaders })] },
    );
    client.send(rawRequest({ path: '/v1/embeddings' }));
    const response = await answer(client);
    const sent = response.headers.map(([name, value]) => `${name.toLowerCase()}: ${value}`);
    expect(sent).toEqual(
      expect.arrayContaining([
        'access-control-allow-origin: https://app.test',
        'content-type: application/json',
        'set-cookie: a=1',
        'set-cookie: b=2',
        'vary: Origin',
        'x-frame-options: DENY',
        'x-request-id: ours',
        'request-id: req_1',
      ]),
    );
    for (const name of ['etag', 'location', 'anthropic-organization-id'])
      expect(response.header(name)).toBe(undefined);
    expect(sent.filter((line) => line.startsWith('access-control-allow-origin'))).toHaveLength(1);
    expect(response.body.toString()).toBe('{"ok":1}');
    expect((await client.received(() => true)).toString('latin1')).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });

  it('does nothing when host middleware has answered already', async () => {
    using client = await serve(host, {
      before: (_req, res) => {
        res.writeHead(503, { 'content-length': '4' }).end('busy');
      },
    });
    client.send(rawRequest());
    expect((await answer(client)).body.toString()).toBe('busy');
    expect(test?.transport.requests).toEqual([]);
  });

  it('gives the call up when host middleware answers in its place', async () => {
    const { promise: forever } = Promise.withResolvers<Response>();
    using client = await serve(
      host,
      {
        before: (_req, res) => {
          // As a time limit of the host's would.
          setImmediate(() => void res.writeHead(503, { 'content-length': '4' }).end('busy'));
        },
      },
      { answers: [() => forever] },
    );
    client.send(rawRequest());
    expect((await answer(client)).body.toString()).toBe('busy');
    await standsStill(() => test?.outcomes.length ?? 0);
    expect(test?.outcomes).toMatchObject([{ kind: 'client-abort' }]);
  });
});

it('takes a slow reader of one great piece for no stalled one', async () => {
  const text = 'x'.repeat(12 << 20);
  using client = await serve(NODE_HOSTS[0] as Host, {}, { answers: [() => Response.json({ text })] });
  client.send(rawRequest({ path: '/v1/embeddings' }));
  let steps = 0;
  client.socket.on('data', () => {
    // A second passes between any two pieces: more than 30 s in all.
    client.socket.pause();
    steps++;
    void test?.clock.advance(1_000).then(() => client.socket.resume());
  });
  let length = 0;
  await new Promise<void>((resolve) => {
    client.socket.on('data', (chunk) => {
      length += chunk.length;
      if (length > text.length) resolve();
    });
  });
  expect(steps).toBeGreaterThan(30);
  expect(rawResponse(await client.received(() => true))?.complete).toBe(true);
});

describe.each(HOSTS)('$name', (host) => {
  it.each([
    ['anthropic-version', '/nowhere', { 'anthropic-version': '2023-06-01' }, 'anthropic'],
    ['x-api-key', '/nowhere', { 'x-api-key': 'k' }, 'anthropic'],
    ['neither', '/nowhere', { authorization: 'Bearer k' }, 'openai'],
    ['neither, to a route of the Messages API', '/v1/messages/count_tokens/x', {}, 'anthropic'],
  ])('refuses in the dialect of a caller that sends %s', async (_, path, headers, dialect) => {
    using client = await serve(host, {});
    client.send(rawRequest({ path, headers }));
    const response = await answer(client);
    expect(response.status).toBe(404);
    expect(response.header('x-should-retry')).toBe('false');
    const body = JSON.parse(response.body.toString()) as object;
    if (dialect === 'anthropic') expect(body).toMatchObject(error('not_found_error'));
    else
      expect(body).toMatchObject({
        error: { message: 'There is no such route here.', type: expect.any(String) as string },
      });
    expect(body).not.toHaveProperty(dialect === 'anthropic' ? 'error.code' : 'type');
  });

  it('names the methods of a route when it is asked by another', async () => {
    using client = await serve(host, {});
    client.send(rawRequest({ method: 'PUT', path: '/v1/messages/batches' }));
    const response = await answer(client);
    expect(response.status).toBe(405);
    expect(response.header('allow')?.split(', ').toSorted()).toEqual(['GET', 'POST']);
  });

  it('answers HEAD with no body', async () => {
    using client = await serve(host, {});
    client.send('HEAD /v1/models HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    await client.ended;
    expect((await client.received()).toString()).toMatch(/^HTTP\/1\.1 405 [^]*\r\n\r\n$/);
  });

  it('leaves what is not below its base path to the host application', async () => {
    using client = await serve(host, { basePath: '/claude' });
    client.send(rawRequest({ path: '/claudette/v1/messages' }));
    const response = await answer(client);
    if (host.name === 'a web server') expect(response.status).toBe(404);
    else expect(response.body.toString()).toBe(HOST_ANSWER);
    client.send(rawRequest({ path: '/claude/v1/embeddings' }));
    await client.received((soFar) => soFar.includes('"ok":1'));
    expect(test?.transport.requests.map(({ url }) => url)).toEqual(['https://upstream.test/v1/embeddings']);
  });

  it('answers 401 when the host application does not know the caller, and tells nothing of why', async () => {
    const secret = 'postgres://user:hunter2@db.internal';
    using client = await serve(host, { identify: () => Promise.reject(new Error(secret)) });
    client.send(rawRequest({ headers: ANTHROPIC }));
    const response = await answer(client);
    expect(response.status).toBe(401);
    expect(JSON.parse(response.body.toString())).toMatchObject(error('authentication_error'));
    expect(response.body.toString()).not.toContain('hunter2');
    expect(test?.transport.requests).toEqual([]);
  });

  it('lets the host application refuse in its own words', async () => {
    const refusal = new PipelineError('forbidden', { message: 'Ask your administrator.' });
    using client = await serve(host, { identify: () => Promise.reject(refusal) });
    client.send(rawRequest({ headers: ANTHROPIC }));
    const response = await answer(client);
    expect(response.status).toBe(403);
    expect(response.body.toString()).toContain('Ask your administrator.');
  });
});
