import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { PipelineError } from '../errors.ts';
import { anthropicMessage, anthropicStream } from '../testing/anthropic-wire.ts';
import { fakeUpstream } from '../testing/fake-upstream.ts';
import { testPipeline, type TestPipelineOptions } from '../testing/test-pipeline.ts';

/** For `localhost`, until 2120; made for these tests and of no use elsewhere. */
const cert = `-----BEGIN CERTIFICATE-----
MIIBQDCB6KADAgECAgEBMAoGCCqGSM49BAMCMBQxEjAQBgNVBAMMCWxvY2FsaG9z
dDAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowFDESMBAGA1UEAwwJ
bG9jYWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEadIjVBXxSUJVyZDG
AnbRnEBzBfu7nHXNQ96O9l9xnnXEksCmF8h/jX4Qsb6iP4FXOS1AvJUvXPbholJX
l+yAkKMpMCcwFAYDVR0RBA0wC4IJbG9jYWxob3N0MA8GA1UdEwEB/wQFMAMBAf8w
CgYIKoZIzj0EAwIDRwAwRAIgIHsGZcYF3uqem3wEsie6itIwcL6PlsrZ9EHYbT3e
i6cCICpoVMDhn1X6gO3RO0Weyw76OkYjqBJ5EwOOWkOdiReg
-----END CERTIFICATE-----`;
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgq3gKzpLLtGJp2phn
XhhNArbJyQSxOYYEMFyGNJ6RkSuhRANCAARp0iNUFfFJQlXJkMYCdtGcQHMF+7uc
dc1D3o72X3GedcSSwKYXyH+NfhCxvqI/gVc5LUC8lS9c9uGiUleX7ICQ
-----END PRIVATE KEY-----`;

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

/** Listens until the end of the test; returns the port. */
async function listening(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  for (const event of ['connection', 'secureConnection'] as const) {
    server.on(event, (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
    });
  }
  server.listen(0, 'localhost');
  await once(server, 'listening');
  cleanUps.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise<unknown>((done) => server.close(done));
  });
  return (server.address() as AddressInfo).port;
}

const seen: string[] = [];
async function tlsUpstream(): Promise<number> {
  seen.length = 0;
  return listening(
    createHttpsServer({ key, cert }, (request, response) => {
      seen.push(
        `${request.method} ${request.url} host=${request.headers.host} key=${String(request.headers['x-api-key'])}`,
      );
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const streamed = Buffer.concat(chunks).includes('"stream":true');
        response.writeHead(200, { 'content-type': streamed ? 'text/event-stream' : 'application/json' });
        response.end(streamed ? anthropicStream().join('') : anthropicMessage());
      });
    }),
  );
}

function pipelineTo(upstream: string, options: TestPipelineOptions = {}) {
  const test = testPipeline({ upstream, sockets: true, ...options });
  cleanUps.push(async () => {
    await test[Symbol.asyncDispose]();
  });
  return test;
}

const codeOf = (test: { outcomes: readonly { cause: unknown }[] }): string | undefined =>
  (test.outcomes.at(-1)?.cause as PipelineError | undefined)?.code;
const sending = { headers: { 'x-api-key': 'k' } };

describe('TLS', () => {
  it('works with a certificate that `ca` names, one or several', async () => {
    const port = await tlsUpstream();
    for (const ca of [cert, [cert], `${cert}\n${cert}`]) {
      const test = pipelineTo(`https://localhost:${port}`, { transport: { ca } });
      for (const stream of [false, true]) {
        expect(await (await test.post({ stream }, undefined)).text()).toBe(
          stream ? anthropicStream().join('') : anthropicMessage(),
        );
      }
      expect(test.outcomes.map(({ kind }) => kind)).toEqual(['completed', 'completed']);
    }
  });

  it('fails with a certificate that nobody vouches for: tls_failed, and not a byte of the request was sent', async () => {
    const port = await tlsUpstream();
    const test = pipelineTo(`https://localhost:${port}`);
    const response = await test.post();
    expect([response.status, codeOf(test), response.headers.get('x-should-retry')]).toEqual([
      502,
      'tls_failed',
      'false',
    ]);
    expect(await response.text()).toContain('could not prove its identity');
    expect(seen).toEqual([]);
  });

  it('fails with the certificate of another host: tls_failed', async () => {
    const port = await tlsUpstream();
    const test = pipelineTo(`https://127.0.0.1:${port}`, { transport: { ca: cert } });
    const response = await test.post();
    expect([response.status, codeOf(test)]).toEqual([502, 'tls_failed']);
    expect(await response.text()).not.toContain('127.0.0.1');
    expect(seen).toEqual([]);
  });

  it('fails with an upstream that speaks something else: tls_failed', async () => {
    const port = await listening(createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
    const test = pipelineTo(`https://localhost:${port}`);
    expect((await test.post()).status).toBe(502);
    expect(codeOf(test)).toBe('tls_failed');
  });

  it('fails with an upstream that hangs up: connect_failed, for not a byte was sent', async () => {
    const port = await listening(createServer((socket) => socket.destroy()));
    const test = pipelineTo(`https://localhost:${port}`);
    expect((await test.post()).status).toBe(502);
    expect(codeOf(test)).toBe('connect_failed');
  });

  it('is set up within connectMs, by our own clock: connect_timeout, and the socket is closed', async () => {
    const silent = Promise.withResolvers<Socket>();
    const port = await listening(createServer((socket) => silent.resolve(socket.resume())));
    const test = pipelineTo(`https://localhost:${port}`, { timeouts: { connectMs: 750 } });
    const pending = test.post();
    const socket = await silent.promise;
    await test.clock.advance(749);
    expect(test.outcomes).toEqual([]);
    await test.clock.advance(1);
    expect((await pending).status).toBe(504);
    expect(test.outcomes).toMatchObject([
      { kind: 'timeout', cause: { code: 'connect_timeout', retryable: true } },
    ]);
    await once(socket, 'close');
    expect(test.clock.pendingTimers).toBe(0);
  });

  it('that is set up for a caller who has left is not used', async () => {
    const silent = Promise.withResolvers<Socket>();
    const port = await listening(createServer((socket) => silent.resolve(socket.resume())));
    const test = pipelineTo(`https://localhost:${port}`);
    const caller = new AbortController();
    const pending = test.post({}, { signal: caller.signal });
    await silent.promise;
    caller.abort(new Error('I leave'));
    await expect(pending).rejects.toThrow('I leave');
    expect(test.outcomes).toMatchObject([{ kind: 'client-abort' }]);
  });
});

describe('a forward proxy', () => {
  const connects: string[] = [];
  /** Tunnels where it is asked to, or answers with a status. */
  async function connectProxy(status = 200): Promise<number> {
    connects.length = 0;
    const server = createHttpServer((request, response) => {
      connects.push(`plain ${request.method} ${request.url}`);
      response.writeHead(405).end();
    });
    server.on('connect', (request, socket: Socket) => {
      connects.push(`${request.url} ${String(request.headers['proxy-authorization'])}`);
      socket.on('error', () => undefined);
      if (status > 299) {
        socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`);
        return;
      }
      const [host, port] = (request.url ?? '').split(':');
      const onward = connect(Number(port), host, () => {
        socket.write(`HTTP/1.1 ${status} Connection established\r\n\r\n`);
        onward.pipe(socket).pipe(onward);
      });
      onward.on('error', () => socket.destroy());
      socket.on('close', () => onward.destroy());
    });
    return listening(server);
  }

  it('is reached by CONNECT, and sees neither keys nor prompts', async () => {
    const [proxy, port] = [await connectProxy(), await tlsUpstream()];
    const test = pipelineTo(`https://localhost:${port}`, {
      transport: { ca: cert, proxy: `http://localhost:${proxy}` },
    });
    for (const stream of [false, true]) {
      const response = await test.post({ stream }, undefined);
      expect(await response.text()).toBe(stream ? anthropicStream().join('') : anthropicMessage());
      await nextTurn();
    }
    expect(connects).toEqual([`localhost:${port} undefined`]);
    expect(seen).toEqual(Array(2).fill(`POST /v1/messages host=localhost:${port} key=undefined`));
  });

  it('is given its own credentials, and never those of the call', async () => {
    const [proxy, port] = [await connectProxy(), await tlsUpstream()];
    const test = pipelineTo(`https://localhost:${port}`, {
      transport: { ca: cert, proxy: `http://user:p%40ss@localhost:${proxy}` },
    });
    expect((await test.post({}, { ...sending, body: '{}' })).status).toBe(200);
    expect(connects).toEqual([`localhost:${port} Basic ${Buffer.from('user:p@ss').toString('base64')}`]);
    expect(seen).toEqual([`POST /v1/messages host=localhost:${port} key=k`]);
  });

  it('is used for loopback upstreams without TLS too', async () => {
    const proxy = await connectProxy();
    await using upstream = await fakeUpstream();
    const test = pipelineTo(upstream.url, { transport: { proxy: `http://localhost:${proxy}` } });
    expect((await test.post()).status).toBe(200);
    expect(connects).toEqual([`127.0.0.1:${upstream.port} undefined`]);
  });

  it('may open the tunnel with any status of success', async () => {
    const [proxy, port] = [await connectProxy(201), await tlsUpstream()];
    const transport = { ca: cert, proxy: `http://localhost:${proxy}` };
    expect((await pipelineTo(`https://localhost:${port}`, { transport }).post()).status).toBe(200);
  });

  it.each([407, 403, 502])('that refuses with %i is an upstream that cannot be reached', async (status) => {
    const [proxy, port] = [await connectProxy(status), await tlsUpstream()];
    const test = pipelineTo(`https://localhost:${port}`, {
      transport: { ca: cert, proxy: `http://user:s3cr3t@localhost:${proxy}` },
    });
    const response = await test.post();
    expect([response.status, codeOf(test)]).toEqual([502, 'connect_failed']);
    expect(await response.text()).not.toMatch(/s3cr3t|localhost/);
    expect(seen).toEqual([]);
  });

  it('that is gone is an upstream that cannot be reached', async () => {
    const port = await tlsUpstream();
    const gone = createServer();
    const proxy = await listening(gone);
    await cleanUps.pop()?.();
    const test = pipelineTo(`https://localhost:${port}`, {
      transport: { ca: cert, proxy: `http://localhost:${proxy}` },
    });
    expect((await test.post()).status).toBe(502);
    expect(codeOf(test)).toBe('connect_failed');
  });

  it('does not make the certificate of the upstream any better', async () => {
    const [proxy, port] = [await connectProxy(), await tlsUpstream()];
    const test = pipelineTo(`https://localhost:${port}`, {
      transport: { proxy: `http://localhost:${proxy}` },
    });
    expect((await test.post()).status).toBe(502);
    expect(codeOf(test)).toBe('tls_failed');
    expect(seen).toEqual([]);
  });

  it('that accepts and never answers is given up after connectMs, by our own clock', async () => {
    const silent = Promise.withResolvers<Socket>();
    const proxy = await listening(createServer((socket) => silent.resolve(socket.resume())));
    const test = pipelineTo('https://localhost:9', {
      transport: { proxy: `http://localhost:${proxy}` },
      timeouts: { connectMs: 750 },
    });
    const pending = test.post();
    await silent.promise;
    await nextTurn();
    await test.clock.advance(750);
    expect((await pending).status).toBe(504);
    expect(codeOf(test)).toBe('connect_timeout');
  }, 3_000);

  it('and a connection through it that is closed as the next call goes out, are replaced like any other', async () => {
    const proxy = await connectProxy();
    await using upstream = await fakeUpstream();
    upstream.reply('keep-alive-race');
    const test = pipelineTo(upstream.url, { transport: { proxy: `http://localhost:${proxy}` } });
    for (let i = 0; i < 2; i++) {
      expect(await (await test.post()).text()).toContain('"type":"message"');
      await nextTurn();
    }
    expect(upstream.requests).toHaveLength(3);
    expect(connects).toHaveLength(2);
  });

  it('is told the port of the scheme where none is given, and IPv6 addresses in brackets', async () => {
    const proxy = await connectProxy(502);
    for (const upstream of [
      'https://localhost',
      'https://[::1]',
      'https://[2001:db8::1]:8443',
      'http://localhost',
    ]) {
      await (await pipelineTo(upstream, { transport: { proxy: `http://localhost:${proxy}` } }).post()).text();
    }
    expect(connects.map((line) => line.split(' ')[0])).toEqual([
      'localhost:443',
      '[::1]:443',
      '[2001:db8::1]:8443',
      'localhost:80',
    ]);
  });

  it('may speak TLS itself: its certificate must be good too', async () => {
    const proxy = await listening(createHttpsServer({ key, cert }));
    const test = pipelineTo('https://localhost:9', {
      transport: { ca: cert, proxy: `https://localhost:${proxy}` },
    });
    expect((await test.post()).status).toBe(502);
    expect(test.outcomes).toMatchObject([
      { cause: { code: 'connect_failed', cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } } },
    ]);
  });

  it('that sends bytes behind its 200 is not trusted', async () => {
    const port = await listening(
      createServer((socket) =>
        socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n')),
      ),
    );
    const test = pipelineTo('http://localhost:9', { transport: { proxy: `http://localhost:${port}` } });
    expect((await test.post()).status).toBe(502);
    expect(codeOf(test)).toBe('connect_failed');
  });

  it('is not replaced by what the environment says', async () => {
    const proxy = await connectProxy();
    await using upstream = await fakeUpstream();
    const before = process.env['HTTP_PROXY'];
    process.env['HTTP_PROXY'] = `http://localhost:${proxy}`;
    try {
      expect((await pipelineTo(upstream.url).post()).status).toBe(200);
    } finally {
      if (before === undefined) delete process.env['HTTP_PROXY'];
      else process.env['HTTP_PROXY'] = before;
    }
    expect(connects).toEqual([]);
  });
});
