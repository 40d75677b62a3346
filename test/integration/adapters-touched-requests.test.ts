import { once } from 'node:events';
import {
  rawConnection,
  rawRequest,
  type RawRequestParts,
  type RawResponse,
  rawResponse,
  testPipeline,
} from '@sluice/core/testing';
import { describe, expect, it } from 'vitest';
import { expectQuiet } from './adapters-support.ts';
import { type Before, type Host, NODE_HOSTS } from './mounts.ts';

/** Two pieces at least, and characters that are cut in two between them. */
const LONG = JSON.stringify({ input: '名'.repeat(100_000) });
const SHORT = JSON.stringify({ input: 'é名😀\u0000' });
const ROUTE = '/v1/embeddings';

expectQuiet();

interface Seen {
  readonly answer: RawResponse;
  /** What was sent upstream. */
  readonly body: string | undefined;
}

async function through(
  host: Host,
  before: Before,
  body: string | Buffer,
  line: Pick<RawRequestParts, 'method' | 'path'> = {},
): Promise<Seen> {
  await using test = testPipeline({ answers: [() => Response.json({ ok: 1 })] });
  await using hosted = await host.listen(test.pipeline, { before, maxBodyBytes: Buffer.byteLength(LONG) });
  using client = await rawConnection(hosted.url);
  const headers = { 'content-length': String(Buffer.byteLength(body)) };
  client.send(rawRequest({ path: ROUTE, ...line, headers, body: '' }));
  client.send(Buffer.from(body));
  const bytes = await client.received((soFar) => rawResponse(soFar)?.complete === true);
  const sent = test.transport.requests[0]?.body;
  return { answer: rawResponse(bytes) as RawResponse, body: sent ? Buffer.from(sent).toString() : undefined };
}

// What middleware of the host's may have done to a request without reading it.
describe.each(NODE_HOSTS)('$name', (host) => {
  it.each([
    ['short', SHORT],
    ['long', LONG],
  ])('forwards the bytes of a %s text that setEncoding() turned into strings', async (_, text) => {
    for (const encoding of ['utf8', 'latin1', 'base64', 'hex'] as const) {
      const { answer, body } = await through(host, (req) => void req.setEncoding(encoding), text);
      expect([answer.status, body === text]).toEqual([200, true]);
    }
  });

  it('refuses with 500 bytes that setEncoding() cannot give back', async () => {
    for (const encoding of ['utf8', 'ascii', 'utf16le'] as const) {
      const odd = Buffer.from([0x7b, 0xff, 0xe9, 0x7d, 0x80]);
      const { answer, body } = await through(host, (req) => void req.setEncoding(encoding), odd);
      expect([answer.status, body]).toEqual([500, undefined]);
      expect(answer.body.toString()).toContain('consumed before it reached this route');
    }
  });

  it.each([
    ['GET', '/v1/models'],
    ['DELETE', '/v1/files/f'],
  ])(
    'refuses a %s with a body that a parser has read: it might be taken for the next request',
    async (method, path) => {
      for (const parsed of [
        { body: { a: 'b' } },
        { body: '{"a":"b"}' },
        { rawBody: Buffer.from('{"a":"b"}') },
      ]) {
        const parser: Before = async (req) => {
          req.resume();
          await once(req, 'end');
          Object.assign(req, parsed);
        };
        const { answer, body } = await through(host, parser, '{"a":"b"}', { method, path });
        expect([answer.status, body]).toEqual([400, undefined]);
        expect(answer.body.toString()).toContain(`A ${method} request has no body here.`);
      }
    },
  );

  it.each([
    ['short', SHORT],
    ['long', LONG],
  ])('forwards a %s body that was left paused', async (_, text) => {
    const { answer, body } = await through(host, (req) => void req.pause(), text);
    expect([answer.status, body === text]).toEqual([200, true]);
  });
});
