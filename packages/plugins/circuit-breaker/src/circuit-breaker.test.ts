import { PipelineError } from '@sluice/core';
import { anthropicMessage, testPipeline } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import { circuitBreaker } from './index.ts';

const good = (): Response => new Response(anthropicMessage(), { headers: { 'content-type': 'application/json' } });

test('five failures in a row open the circuit, two probes close it', async () => {
  await using pipe = testPipeline({
    plugins: [circuitBreaker()],
    answers: [...Array.from({ length: 5 }, () => new PipelineError('connect_failed')), good(), good(), good()],
  });
  for (let i = 0; i < 5; i++) expect((await pipe.post()).status).toBe(502);
  const refused = await pipe.post();
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('6');
  expect(pipe.transport.requests).toHaveLength(5);
  await pipe.clock.advance(5_500);
  for (let i = 0; i < 3; i++) expect(await (await pipe.post()).text()).toBe(anthropicMessage());
});
