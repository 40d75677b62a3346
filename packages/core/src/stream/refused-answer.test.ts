import { describe, expect, test } from 'vitest';
import { PipelineError } from '../errors.ts';
import { definePlugin, type Plugin } from '../plugin.ts';
import { anthropicMessage, anthropicStream } from '../testing/anthropic-wire.ts';
import { testPipeline } from '../testing/test-pipeline.ts';
import { mapJsonAnswer } from './map-json-answer.ts';
import { refusedAnswer } from './refused-answer.ts';

const NO = {
  json: () =>
    new Response(anthropicMessage({ text: 'No.' }), { headers: { 'content-type': 'application/json' } }),
  'event stream': () =>
    new Response(anthropicStream({ text: ['No.'] }).join(''), {
      headers: { 'content-type': 'text/event-stream' },
    }),
};
const refusing = (answer: () => Response): Plugin =>
  definePlugin({
    name: 'refusing',
    create: () => ({
      handle: (_request, _next, { format }) =>
        Promise.resolve(refusedAnswer(answer(), format, new PipelineError('content_blocked'))),
    }),
  })();
const adding = definePlugin({
  name: 'adding',
  create: () => ({
    handle: async (request, next) =>
      mapJsonAnswer(await next(request), 10_000, (body) => ({ ...(body as object), more: 1 })),
  }),
});

describe.each(Object.entries(NO))('a refusal as an answer of %s', (_, answer) => {
  test('is an answer to its reader, and a refusal to everybody else', async () => {
    await using pipe = testPipeline({ plugins: [refusing(answer)] });
    const response = await pipe.post();
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(await answer().text());
    expect(pipe.outcomes).toMatchObject([
      { kind: 'refused', status: 200, attempts: 0, cause: { code: 'content_blocked' } },
    ]);
  });
});

test('a refusal stays one when a plugin further out adds to it', async () => {
  await using pipe = testPipeline({ plugins: [adding(), refusing(NO.json)] });
  expect(await (await pipe.post()).json()).toMatchObject({ more: 1 });
  expect(pipe.outcomes).toMatchObject([{ kind: 'refused' }]);
});
