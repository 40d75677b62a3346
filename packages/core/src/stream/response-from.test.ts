import { expect, test } from 'vitest';
import { PipelineError } from '../errors.ts';
import { anthropicMessages } from '../format/anthropic-messages.ts';
import { definePlugin, type Plugin } from '../plugin.ts';
import { anthropicMessage, anthropicStream } from '../testing/anthropic-wire.ts';
import { callWith } from '../testing/call-with.ts';
import { streamAnswer } from '../testing/stream-answer.ts';
import { transformStream } from './attach.ts';
import { headerRecord, LazyResponse, takeSource } from './lazy-response.ts';
import { responseFrom } from './response-from.ts';
import { SseEvent } from './sse-event.ts';

const SSE = { 'content-type': 'text/event-stream' };
const JSON_TYPE = { 'content-type': 'application/json' };

/** A plugin that hands on what it got as a response of its own. */
const rewrap = (): Plugin =>
  definePlugin({
    name: 'rewrap',
    create: () => ({
      handle: async (request, next, ctx) => {
        const response = await next(request);
        const headers = headerRecord(response);
        return responseFrom({ status: response.status, headers, body: takeSource(response) }, ctx.format);
      },
    }),
  })();

test('a response from bytes is read in the format', async () => {
  const response = responseFrom(
    { status: 200, headers: JSON_TYPE, body: Buffer.from(anthropicMessage()) },
    anthropicMessages,
  );
  expect(await response.text()).toBe(anthropicMessage());
  expect(LazyResponse.factsOf(response)).toMatchObject({ complete: true });
});

test('bytes that end in the middle are a cut answer', async () => {
  const body = Buffer.from(anthropicStream().slice(0, 4).join(''));
  const response = responseFrom({ status: 200, headers: SSE, body }, anthropicMessages);
  await expect(response.text()).rejects.toMatchObject({ code: 'stream_cut' });
});

test('a response that is made anew keeps its bytes and its outcome', async () => {
  const events = anthropicStream({ text: 'one two' });
  const made = await callWith([rewrap()], streamAnswer(events));
  expect(made.text).toBe(events.join(''));
  expect(made.outcome).toMatchObject({
    kind: 'completed',
    usage: { inputTokens: expect.any(Number) as number },
  });
});

const blocked = new PipelineError('content_blocked');

/** A plugin that ends the stream in the place of its first text, whether that is the upstream's or one of its own. */
const cutter = (own?: () => Response): Plugin =>
  definePlugin({
    name: 'cutter',
    create: () => ({
      handle: async (request, next) =>
        transformStream(own === undefined ? await next(request) : own(), {
          transform(event, controller) {
            if (event.type !== 'content_block_delta') {
              controller.enqueue(event);
              return;
            }
            controller.enqueue(SseEvent.of('message_stop', '{"type":"message_stop"}'));
            controller.terminate(blocked);
          },
        }),
    }),
  })();

test('that a plugin ended a stream of its own is known, in however many pieces that came', async () => {
  const events = anthropicStream({ text: 'a b' });
  for (const pieces of [events, [events.join('')]]) {
    const own = (): Response =>
      new Response(ReadableStream.from(pieces.map((piece) => Buffer.from(piece))), { headers: SSE });
    const made = await callWith([cutter(own)]);
    expect(made.text).toMatch(/\nevent: message_stop\n.*\n\n$/);
    expect(made.outcome).toMatchObject({ kind: 'refused', status: 200, cause: blocked });
  }
});

test('that a plugin ended the stream is still known of a response made anew', async () => {
  // In one piece: the upstream's own proper end has been seen by then.
  const made = await callWith([rewrap(), cutter()], streamAnswer(anthropicStream({ text: 'a b' }).join('')));
  expect(made.text).toMatch(/^event: message_start\n[^]*\nevent: message_stop\n.*\n\n$/);
  expect(made.text).not.toContain('content_block_delta');
  expect(made.outcome).toMatchObject({ cause: blocked });
});
