import { expect, test } from 'vitest';
import type { Outcome } from './outcome.ts';
import { PipelineError } from './errors.ts';
import { anthropicMessage } from './testing/anthropic-wire.ts';
import { testPipeline } from './testing/test-pipeline.ts';

const call = (body: string, onComplete: (outcome: Outcome) => void) => ({
  method: 'POST',
  target: '/v1/messages',
  headers: { 'content-type': 'application/json' },
  body: new Uint8Array(Buffer.from(body)),
  onComplete,
});

test('whoever hands a call over is told its outcome once', async () => {
  await using pipe = testPipeline({
    answers: [new Response(anthropicMessage(), { headers: { 'content-type': 'application/json' } })],
  });
  const outcomes: Outcome[] = [];
  const response = await pipe.pipeline.handle(
    call('{"model":"m"}', (outcome) => void outcomes.push(outcome)),
  );
  expect(outcomes).toEqual([]);
  await response.text();
  expect(outcomes).toMatchObject([{ kind: 'completed', status: 200, attempts: 1 }]);
  expect(outcomes).toEqual(pipe.outcomes);
});

test('also of a call that no plugin saw', async () => {
  await using pipe = testPipeline();
  const outcomes: Outcome[] = [];
  const ask = call('['.repeat(1_000), (outcome) => void outcomes.push(outcome));
  expect((await pipe.pipeline.handle(ask)).status).toBe(400);
  expect(pipe.outcomes).toEqual([]);
  expect(outcomes).toMatchObject([{ kind: 'refused', cause: { code: 'json_too_complex' } }]);
  expect(PipelineError.is(outcomes[0]?.cause)).toBe(true);
});
