import { definePlugin, type Outcome, PipelineError, type PipelineOptions } from '@sluice/core';
import {
  anthropicMessage,
  anthropicStream,
  errorBody,
  type ScriptedAnswer,
  streamAnswer,
  type TestPipeline,
  testPipeline,
} from '@sluice/core/testing';
import { describe, expect, test } from 'vitest';
import { regionRouting, type RegionRoutingOptions } from './index.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const good = (): Response => new Response(anthropicMessage(), { headers: JSON_TYPE });
const bad = (status: number, headers: Record<string, string> = {}): Response =>
  new Response(errorBody('anthropic-messages', status), { status, headers: { ...JSON_TYPE, ...headers } });

const EU = { id: 'eu', region: 'eu', url: 'https://eu.test' };
const US = { id: 'us', region: 'us', url: 'https://us.test/anthropic' };

function routed(
  answers: readonly ScriptedAnswer[],
  options: Partial<RegionRoutingOptions> = {},
  others: Partial<PipelineOptions> = {},
): TestPipeline {
  return testPipeline({
    answers,
    plugins: [regionRouting({ endpoints: [EU, US], ...options })],
    ...others,
  });
}

test('sends the call to an endpoint, path and query behind its URL', async () => {
  await using pipe = routed([good()], { endpoints: [US] });
  const response = await pipe.post();
  expect(await response.text()).toBe(anthropicMessage());
  expect(pipe.transport.requests).toMatchObject([
    { url: 'https://us.test/anthropic/v1/messages', endpoint: { id: 'us', region: 'us' } },
  ]);
  expect(pipe.outcomes).toMatchObject([
    { kind: 'completed', history: [{ endpoint: { id: 'us', decision: { reason: 'only', dropped: [] } } }] },
  ]);
});
