import { createPipeline, type Pipeline } from '@sluice/core';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RAW_CASES } from './adapters-raw-cases.ts';
import { exchange, type WireResponse } from './adapters-raw-client.ts';
import { strictUpstream, type StrictUpstream } from './adapters-raw-upstream.ts';
import { expectQuiet } from './adapters-support.ts';
import { HOST_ANSWER, type Hosted, NODE_HOSTS } from './mounts.ts';

expectQuiet();

describe.each(NODE_HOSTS)('$name', (host) => {
  let upstream: StrictUpstream;
  let pipeline: Pipeline;
  let hosted: Hosted;
  beforeAll(async () => {
    upstream = await strictUpstream();
    pipeline = createPipeline({ upstream: upstream.url });
    hosted = await host.listen(pipeline);
  });
  afterAll(async () => {
    await hosted[Symbol.asyncDispose]();
    await pipeline.close();
    await upstream[Symbol.asyncDispose]();
  });

  it.each(RAW_CASES)('reads as one request or none: $name', async (raw) => {
    const { writes, statuses, forwarded, by, dialect, sees } = raw;
    upstream.requests.length = 0;
    const { port } = hosted.server.address() as AddressInfo;
    const responses = await exchange(port, ...writes);
    expect(upstream.violations).toEqual([]);
    expect(responses.map(({ status }) => status)).toEqual(statuses);
    expect([forwarded].flat()).toContain(upstream.requests.length);
    const [request] = upstream.requests;
    if (sees !== undefined) expect(sees(new Map(request?.headers), request?.body ?? '')).toBe(true);
    if (by === 'mount') for (const response of responses) expectRefusal(response, dialect);
    expect(hosted.errors).toEqual([]);
  });
});

/** An error of ours, in the caller's dialect. */
function expectRefusal({ headers, body }: WireResponse, dialect: 'openai' | undefined): void {
  expect(headers).toMatchObject({ 'content-type': 'application/json', 'x-should-retry': 'false' });
  expect(body).not.toContain(HOST_ANSWER);
  const error = { type: expect.any(String) as string, message: expect.any(String) as string };
  expect(JSON.parse(body)).toMatchObject(dialect === undefined ? { type: 'error', error } : { error });
}
