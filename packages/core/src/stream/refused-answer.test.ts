import { describe, expect, test } from 'vitest';
import { PipelineError } from '../errors.ts';
import { definePlugin, type Plugin } from '../plugin.ts';
import { anthropicMessage, anthropicStream } from '../testing/anthropic-wire.ts';
import { testPipeline } from '../testing/test-pipeline.ts';
import { observeStream, transformStream } from './attach.ts';
import { readAll } from './body.ts';
import { headerRecord, takeSource } from './lazy-response.ts';
import { mapJsonAnswer } from './map-json-answer.ts';
import { peekBytes } from './peek.ts';
import { refusedAnswer } from './refused-answer.ts';
import { responseFrom } from './response-from.ts';

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

test.each(Object.entries(NO))(
  'a refusal as an answer of %s stays one when plugins look into it and make another response of its bytes',
  async (_, answer) => {
    const outer = definePlugin({
      name: 'outer',
      create: () => ({
        async handle(request, next, { format }) {
          const response = await next(request);
          await peekBytes(response, 10);
          const { 'content-type': type = '' } = headerRecord(response);
          const headers = { 'content-type': type };
          return responseFrom(
            { status: 200, headers, body: takeSource(observeStream(response, {})) },
            format,
          );
        },
      }),
    });
    await using pipe = testPipeline({ plugins: [outer(), refusing(answer)] });
    expect(await (await pipe.post()).text()).toBe(await answer().text());
    expect(pipe.outcomes).toMatchObject([{ kind: 'refused', cause: { code: 'content_blocked' } }]);
  },
);

test('a stream that a plugin ends early is known as such to whoever makes another response of what was peeked', async () => {
  const ending = definePlugin({
    name: 'ending',
    create: () => ({
      handle: async (request, next) =>
        transformStream(await next(request), {
          transform(event, controller) {
            controller.enqueue(event);
            if (event.type === 'message_stop') controller.terminate(new PipelineError('content_blocked'));
          },
        }),
    }),
  });
  const seen: unknown[] = [];
  const outer = definePlugin({
    name: 'outer',
    create: () => ({
      async handle(request, next) {
        const response = await next(request);
        await peekBytes(response, 10);
        const source = takeSource(response);
        const body = await readAll(source, 100_000, () => new Error());
        seen.push(source.terminated?.code);
        return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
      },
    }),
  });
  await using pipe = testPipeline({ plugins: [outer(), ending()], answers: [NO['event stream']] });
  await (await pipe.post()).text();
  expect(seen).toEqual(['content_blocked']);
});

test('a refusal stays one when a plugin further out adds to it', async () => {
  await using pipe = testPipeline({ plugins: [adding(), refusing(NO.json)] });
  expect(await (await pipe.post()).json()).toMatchObject({ more: 1 });
  expect(pipe.outcomes).toMatchObject([{ kind: 'refused' }]);
});
