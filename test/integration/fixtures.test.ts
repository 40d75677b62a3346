import { type BehaviourTable, fakeRandom } from '@sluice/core/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Mount, MOUNTS } from '../support/mounts.ts';
import { type Exchange, recorded } from '../support/recorded.ts';
import { type Stage, stageFor } from '../support/stage.ts';
import { synthetic } from '../support/synthetic.ts';

type Fixture = BehaviourTable['fixture'];

/** Other clouds' paths, which a mount lets through when it is told to. */
const ROUTES = [
  '/model/:id/invoke',
  '/model/:id/invoke-with-response-stream',
  '/model/:id/count-tokens',
  '/openai/deployments/:id/chat/completions',
  '/openai/deployments/:id/embeddings',
].map((path) => ({ method: 'POST', path }));

/** What a browser, a proxy or a cookie jar would add. */
const INTRUDERS: Readonly<Record<string, string>> = {
  'accept-language': 'zh-CN',
  cookie: 'session=secret',
  forwarded: 'for=10.0.0.1',
  origin: 'https://app.example',
  referer: 'https://app.example/chat',
  'sec-fetch-site': 'same-origin',
  via: '1.1 proxy',
  'x-forwarded-for': '10.0.0.1',
  'x-real-ip': '10.0.0.1',
};

/** They speak of the provider's own edge. */
const NEVER_RELAYED = /^(?:set-cookie|alt-svc|strict-transport-security|server|via|cf-.*)$/;
/** They name the operator's account, or would be rules of the host application's own origin. */
const NOT_RELAYED_BY_ADAPTERS =
  /^(?:anthropic-organization-id|openai-organization|openai-project|content-security-policy|access-control-.*)$/;
/** They belong to the connection, or are the host application's own. */
const OF_THE_HOST = ['connection', 'date', 'keep-alive', 'transfer-encoding', 'x-powered-by'];

/** Byte by byte takes a turn of the event loop each, so only what is short; the adapters for Node share their writing. */
const DRIPPED_BYTES: Readonly<Record<string, number>> = { 'pipeline.fetch': 4_096, 'node:http': 2_048 };

const RECORDED = recorded();

describe.runIf(RECORDED.length > 0)('recorded traffic', () => {
  describe.each(MOUNTS)('through $name', (mount) => {
    comesThrough(mount, RECORDED);
  });
});

describe('synthetic traffic', () => {
  describe.each(MOUNTS)('through $name', (mount) => {
    comesThrough(mount, synthetic());
  });
});

function comesThrough(mount: Mount, exchanges: readonly Exchange[]): void {
  const dripped = exchanges.filter(
    (exchange) => isStream(exchange) && exchange.response.body.length <= (DRIPPED_BYTES[mount.name] ?? 0),
  );
  let stage: Stage;
  beforeAll(async () => {
    stage = await stageFor(mount, { host: { routes: ROUTES } });
  });
  beforeEach(() => {
    stage.upstream.reset();
  });
  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  });

  it.each(exchanges)('$name: request and answer are the same', async (exchange) => {
    await expectTheSame(stage, mount, exchange, { splitAt: [] });
    const { method, path, headers, body } = exchange.request;
    const [request] = stage.upstream.requests;
    expect(request).toMatchObject({ method, path });
    expect(request?.body.equals(body ?? Buffer.alloc(0))).toBe(true);
    expect(request?.headers).toMatchObject({ ...headers, 'accept-encoding': 'identity' });
    expect(request?.headers.host).toBe(new URL(stage.upstream.url).host);
    expect(Object.keys(request?.headers ?? {}).filter((name) => name in INTRUDERS)).toEqual([]);
  });

  it.each(exchanges)('$name: the answer is the same, in whatever pieces it comes', async (exchange) => {
    const { length } = exchange.response.body;
    const random = fakeRandom(length);
    const splitAt = Array.from({ length: 12 }, () => Math.floor(random.next() * length));
    await expectTheSame(stage, mount, exchange, { splitAt });
  });

  it.each(dripped)('$name: the answer is the same, byte by byte', async (exchange) => {
    await expectTheSame(stage, mount, exchange, { chunkBytes: 1 });
  });
}

async function expectTheSame(
  stage: Stage,
  mount: Mount,
  exchange: Exchange,
  pieces: Pick<Fixture, 'splitAt' | 'chunkBytes'>,
): Promise<void> {
  const answer = await ask(stage, exchange, pieces);
  expect(answer.status).toBe(exchange.response.status);
  expect(headersOf(answer)).toEqual(relayedHeaders(exchange, mount));
  expect(withoutErrorOfOurs(Buffer.from(await answer.arrayBuffer()), exchange)).toEqual(
    exchange.response.body,
  );
}

/** Sends an exchange's request, to which the upstream will give the exchange's answer. */
function ask(
  stage: Stage,
  exchange: Exchange,
  pieces: Pick<Fixture, 'splitAt' | 'chunkBytes'>,
): Promise<Response> {
  const { request, response } = exchange;
  const framed = pieces.chunkBytes === undefined && pieces.splitAt?.length === 0 && !isStream(exchange);
  stage.upstream.reply({
    kind: 'fixture',
    status: response.status,
    headers: { ...response.headers, ...(framed ? { 'content-length': String(response.body.length) } : {}) },
    body: response.body,
    ...pieces,
  });
  return stage.fetch(stage.baseUrl + request.path, {
    method: request.method,
    headers: { ...INTRUDERS, ...request.headers },
    body: request.body === null ? null : new Uint8Array(request.body),
  });
}

/** What an answer's headers should be, but for those of its connection. */
function relayedHeaders(exchange: Exchange, { isAdapter }: Mount): Record<string, string> {
  const kept = Object.entries(exchange.response.headers).filter(
    ([name]) =>
      !NEVER_RELAYED.test(name) &&
      !(isAdapter && NOT_RELAYED_BY_ADAPTERS.test(name)) &&
      !OF_THE_HOST.includes(name),
  );
  const ofStreams = { 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' };
  return { ...Object.fromEntries(kept), ...(isAdapter && isStream(exchange) ? ofStreams : {}) };
}

function headersOf({ headers }: Response): Record<string, string> {
  const all = Object.fromEntries(headers);
  for (const name of [...OF_THE_HOST, 'content-length']) delete all[name];
  return all;
}

/** A stream that was recorded without its end must not look complete: it ends with an error event, and nothing else is new. */
function withoutErrorOfOurs(body: Buffer, { name, response }: Exchange): Buffer {
  if (!name.endsWith('stream-truncated')) return body;
  const added = body.subarray(response.body.length).toString();
  expect(added).toMatch(/^event: error\ndata: \{"type":"error",.*\}\n\n$/);
  return body.subarray(0, response.body.length);
}

function isStream({ response }: Exchange): boolean {
  return response.headers['content-type']?.startsWith('text/event-stream') === true;
}
