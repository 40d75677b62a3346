import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createPipeline, type Pipeline } from '@sluice/core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { exchange } from './adapters-raw-client.ts';
import { expectQuiet } from './adapters-support.ts';
import { strictUpstream, type StrictUpstream } from './adapters-raw-upstream.ts';
import { type Hosted, HOSTS } from './mounts.ts';

/** Stands for the address of a server that listens, but is not the upstream. */
const EVIL = 'EVIL';

/** S-04: request targets that some URL parser reads as another host, or as a path beyond the routes. */
const TARGETS: readonly string[] = [
  `http://${EVIL}/v1/messages`,
  `https://${EVIL}/v1/messages`,
  `HTTP://${EVIL}/v1/messages`,
  `http:${EVIL}/v1/messages`,
  `http:/${EVIL}/v1/messages`,
  `http:///${EVIL}/v1/messages`,
  `ftp://${EVIL}/v1/messages`,
  `file:///v1/messages`,
  `http://localhost@${EVIL}/v1/messages`,
  `http://localhost#@${EVIL}/v1/messages`,
  `//${EVIL}`,
  `//${EVIL}/v1/messages`,
  `///${EVIL}/v1/messages`,
  `////${EVIL}/v1/messages`,
  `//x@${EVIL}/v1/messages`,
  `//x:y@${EVIL}/v1/messages`,
  `/\\${EVIL}/v1/messages`,
  `\\\\${EVIL}/v1/messages`,
  `\\/${EVIL}/v1/messages`,
  `/\\/${EVIL}/v1/messages`,
  `/./${EVIL}/v1/messages`,
  `/.//${EVIL}/v1/messages`,
  `/..//${EVIL}/v1/messages`,
  `/%2f${EVIL}/v1/messages`,
  `/%2F%2F${EVIL}/v1/messages`,
  `/%5c${EVIL}/v1/messages`,
  `/%09/${EVIL}/v1/messages`,
  `/%0a/${EVIL}/v1/messages`,
  `/%0d%0a/${EVIL}/v1/messages`,
  `@${EVIL}/v1/messages`,
  `:80@${EVIL}/v1/messages`,
  `.${EVIL}/v1/messages`,
  `${EVIL}/v1/messages`,
  `?@${EVIL}/v1/messages`,
  `#@${EVIL}/v1/messages`,
  `/@${EVIL}/v1/messages`,
  `/:@${EVIL}/v1/messages`,
  `/;@${EVIL}/v1/messages`,
  `/http://${EVIL}/v1/messages`,
  `/v1/messages/http://${EVIL}`,
  `/v1/messages@${EVIL}`,
  `/v1/messages/../../${EVIL}`,
  `/v1/messages/..%2f..%2f${EVIL}`,
  `/v1/messages/%2e%2e/%2e%2e/${EVIL}`,
  `/v1/models/..`,
  `/v1/models/.`,
  `/v1/models/%2e%2e`,
  `/v1/models/..;/admin`,
  `/v1/models/a%2f..%2fadmin`,
  `/v1/models/a%00`,
  `/v1/models/a%252f..`,
  `/v1/models/\\..\\admin`,
  `/v1/../admin`,
  `/v1/./messages`,
  `/v1//messages`,
  `/v1/messages;x=//${EVIL}`,
  `/v1/messages%3f@${EVIL}`,
  `/v1/messages%23@${EVIL}`,
  `/latest/meta-data/`,
  `/admin`,
];

/** These are routes to a web server: `new Request` has folded them before the mount sees them. */
const FOLDED = new Set(['/v1/./messages', '/v1/models/\\..\\admin']);

/** What is one of the routes, whatever else it names: these go to the upstream, and only there. */
const HARMLESS: readonly string[] = [
  `/v1/messages?url=http://${EVIL}/`,
  `/v1/messages?//${EVIL}/`,
  `/v1/messages?@${EVIL}`,
  `/v1/messages?x=/../..`,
  `/v1/messages?api_base=http://${EVIL}&base_url=http://${EVIL}`,
];

const HEADERS: readonly string[] = [
  `host: ${EVIL}`,
  `x-forwarded-host: ${EVIL}`,
  `x-forwarded-server: ${EVIL}`,
  `x-forwarded-proto: https`,
  `forwarded: host=${EVIL}`,
  `x-host: ${EVIL}`,
  `x-original-host: ${EVIL}`,
  `x-original-url: http://${EVIL}/`,
  `x-rewrite-url: http://${EVIL}/`,
  `x-base-url: http://${EVIL}/`,
  `x-upstream-host: ${EVIL}`,
  `x-portkey-custom-host: http://${EVIL}/`,
  `x-litellm-api-base: http://${EVIL}/`,
  `helicone-target-url: http://${EVIL}/`,
  `proxy: http://${EVIL}/`,
  `alt-used: ${EVIL}`,
  `:authority: ${EVIL}`,
];

const FIELDS: readonly object[] = [
  { api_base: `http://${EVIL}` },
  { base_url: `http://${EVIL}`, baseURL: `http://${EVIL}` },
  { url: `http://${EVIL}/`, host: EVIL, endpoint: `http://${EVIL}/`, proxy: `http://${EVIL}/` },
  { model: `http://${EVIL}/v1` },
  { model: `//${EVIL}/../..` },
  { metadata: { api_base: `http://${EVIL}`, user_id: `http://${EVIL}` } },
  { extra_body: { base_url: `http://${EVIL}` } },
];

const BODY = { model: 'm', messages: [] };

expectQuiet();

/** Every connection this process tries to make, by port, and every name it looks up. */
const attempts: (number | string)[] = [];
const onSocket = (message: unknown): void => {
  const { socket } = message as { socket: Socket };
  socket.on('connectionAttempt', (_ip: string, port: number) => attempts.push(port));
  socket.on('lookup', (_error, _address, _family, host: string) => attempts.push(host));
};
let evil: Server;
let evilPort: number;
beforeAll(async () => {
  subscribe('net.client.socket', onSocket);
  evil = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(evil, 'listening');
  evilPort = (evil.address() as AddressInfo).port;
});
afterAll(() => {
  unsubscribe('net.client.socket', onSocket);
  evil.close();
});

describe.each([
  ...HOSTS.map((host) => ({ host, name: host.name, basePath: '' })),
  ...HOSTS.map((host) => ({ host, name: `${host.name}, below /claude`, basePath: '/claude' })),
])('$name', ({ host, basePath }) => {
  let upstream: StrictUpstream;
  let pipeline: Pipeline;
  let hosted: Hosted;
  beforeAll(async () => {
    upstream = await strictUpstream();
    pipeline = createPipeline({ upstream: upstream.url });
    hosted = await host.listen(pipeline, basePath === '' ? {} : { basePath });
  });
  afterEach(() => {
    expect(hosted.errors).toEqual([]);
    expect(upstream.violations).toEqual([]);
    attempts.length = 0;
  });
  afterAll(async () => {
    await hosted[Symbol.asyncDispose]();
    await pipeline.close();
    await upstream[Symbol.asyncDispose]();
  });

  it.each(TARGETS)('refuses %s and asks nobody', async (target) => {
    const { statuses, forwarded } = await send(target);
    if (host.name === 'a web server' && FOLDED.has(target)) return;
    // What Node's own parser refuses, it may refuse without a word of ours; what is not ours is the host's to answer.
    const allowed = basePath === '' ? [400, 404] : [200, 400, 404];
    for (const status of statuses) expect(allowed).toContain(status);
    expect(forwarded).toBe(0);
  });

  it.each(HARMLESS)('sends %s to the upstream alone', async (target) => {
    expect(await send(basePath + target)).toEqual({ statuses: [200], forwarded: 1 });
    expect(upstream.requests[0]?.line).toBe(`POST ${withEvil(target)} HTTP/1.1`);
  });

  it.each(HEADERS)('is not led elsewhere by the header %s', async (header) => {
    const { statuses, forwarded } = await send(`${basePath}/v1/messages`, header);
    // A name with a colon is no header.
    expect(statuses).toEqual([header.startsWith(':') ? 400 : 200]);
    expect(forwarded).toBe(header.startsWith(':') ? 0 : 1);
    if (forwarded === 1) {
      expect(upstream.requests[0]?.headers).toContainEqual(['host', `127.0.0.1:${upstream.port}`]);
    }
  });

  it.each(FIELDS)('is not led elsewhere by the body field $0', async (field) => {
    const body = JSON.stringify({ ...BODY, ...field });
    expect(await send(`${basePath}/v1/messages`, '', body)).toEqual({ statuses: [200], forwarded: 1 });
    expect(upstream.requests[0]?.body).toBe(withEvil(body));
  });

  async function send(
    target: string,
    header = '',
    body = JSON.stringify(BODY),
  ): Promise<{ statuses: number[]; forwarded: number }> {
    upstream.requests.length = 0;
    const content = withEvil(body);
    const lines = [
      `POST ${withEvil(target)} HTTP/1.1`,
      header.startsWith('host:') ? withEvil(header) : `host: localhost`,
      ...(header === '' || header.startsWith('host:') ? [] : [withEvil(header)]),
      'connection: close',
      `content-length: ${content.length}`,
    ];
    const { port } = hosted.server.address() as AddressInfo;
    const responses = await exchange(port, `${lines.join('\r\n')}\r\n\r\n${content}`);
    // Our own connection to the server is one of them.
    expect(attempts.filter((attempt) => attempt !== port && attempt !== upstream.port)).toEqual([]);
    return { statuses: responses.map(({ status }) => status), forwarded: upstream.requests.length };
  }
});

function withEvil(text: string): string {
  return text.replaceAll(EVIL, `127.0.0.1:${evilPort}`);
}
