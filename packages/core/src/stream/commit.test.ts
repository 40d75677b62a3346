import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { PipelineError } from '../errors.ts';
import { FORMATS } from '../format/formats.ts';
import type { Format } from '../format/format.ts';
import { anthropicStream } from '../testing/anthropic-wire.ts';
import { type Dialect, errorEvent } from '../testing/error-body.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import { openaiChatStream } from '../testing/openai-chat-wire.ts';
import { openaiResponsesStream } from '../testing/openai-responses-wire.ts';
import { type AnswerPiece, streamAnswer, type StreamAnswerOptions } from '../testing/stream-answer.ts';
import { observeStream, transformStream } from './attach.ts';
import { holdUntilContent } from './commit.ts';
import { takeSource } from './lazy-response.ts';
import { readFrom } from './pull.ts';

const never = new Promise<never>(() => undefined);
const text = (chunk: unknown): string => Buffer.from(chunk as Uint8Array).toString();
const ping = 'event: ping\ndata: {"type":"ping"}\n\n';

function answer(
  pieces: string | Iterable<AnswerPiece>,
  options: StreamAnswerOptions = {},
  dialect: Dialect = 'anthropic-messages',
): Response {
  const format = FORMATS.find(({ name }) => name === dialect) as Format;
  const { signal } = new AbortController();
  const request = { method: 'POST', url: 'https://upstream.test/', headers: {}, body: null, signal };
  return streamAnswer(pieces, options)(request, { format } as never);
}

const streams: Readonly<Record<Dialect, readonly string[]>> = {
  'anthropic-messages': anthropicStream({ text: 'one two' }),
  'openai-chat': openaiChatStream({ text: 'one two' }),
  'openai-responses': openaiResponsesStream({ text: 'one two' }),
};
const events = streams['anthropic-messages'];
const preamble = events.slice(0, 1);

describe.each(Object.entries(streams) as [Dialect, readonly string[]][])('in %s', (dialect, stream) => {
  const held = (pieces: Iterable<AnswerPiece>, options: StreamAnswerOptions = {}): Promise<Response> =>
    holdUntilContent(answer(pieces, options, dialect), { clock: fakeClock() });

  it('hands out a good stream as it was, each byte once and in order, however it is cut', async () => {
    const whole = stream.join('');
    const bytes = [...Buffer.from(whole)].map((byte) => Uint8Array.of(byte));
    for (const pieces of [stream, [whole], bytes, stream.map(async (event) => event)]) {
      const response = await held(pieces);
      expect(response).toMatchObject({ status: 200, bodyUsed: false });
      expect(await response.text()).toBe(whole);
    }
  });

  it('makes of an error event before any content the plain error that it should have been', async () => {
    const before = dialect === 'openai-chat' ? [] : stream.slice(0, 1);
    for (const status of [429, 500]) {
      const event = errorEvent(dialect, status, { message: 'Said so.' });
      for (const pieces of [
        [event],
        [...before, event],
        [[...before, event].join('')],
        [...before, event, never],
      ]) {
        let cancelled: unknown;
        const response = await held(pieces, {
          headers: { 'request-id': 'req_1', 'cache-control': 'no-store' },
          onCancel: (reason) => (cancelled = reason),
        });
        const text = await response.text();
        expect(response.ok, text).toBe(false);
        if (dialect === 'anthropic-messages') expect(response.status).toBe(status);
        expect(Object.fromEntries(response.headers)).toEqual({
          'content-type': 'application/json',
          'content-length': String(Buffer.byteLength(text)),
          'request-id': 'req_1',
        });
        expect(JSON.parse(text)).toMatchObject({ error: { message: 'Said so.' } });
        expect(cancelled).toMatchObject({ code: 'stream_error' });
      }
    }
  });

  it('leaves an error event after content where it is', async () => {
    const pieces = [...stream.slice(0, 4), errorEvent(dialect, 529)];
    const response = await held(pieces);
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(pieces.join(''));
  });

  it('throws what can be tried again when the stream ends before content', async () => {
    const reset = Object.assign(new Error('reset'), { code: 'ECONNRESET' });
    for (const pieces of [
      [],
      [reset],
      ...(dialect === 'openai-chat' ? [] : [stream.slice(0, 1), [...stream.slice(0, 1), reset]]),
    ]) {
      const error = await held(pieces).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'connection_lost', retryable: true });
    }
  });
});

describe('a hold', () => {
  it('throws what its clock says, as it is', async () => {
    const { promise, resolve } = Promise.withResolvers<Error>();
    const pending = holdUntilContent(answer([...preamble, promise]), { clock: fakeClock() });
    resolve(new PipelineError('first_event_timeout'));
    await expect(pending).rejects.toMatchObject({ code: 'first_event_timeout', retryable: true });
  });

  it('reads no further than the first content', async () => {
    let reads = 0;
    await holdUntilContent(answer(events, { onRead: () => reads++ }), { clock: fakeClock() });
    expect(reads).toBe(events.findIndex((event) => event.includes('content_block_start')) + 1);
  });

  it('is released after commitHoldMs, and pings flow from then on', async () => {
    const clock = fakeClock();
    const silence = Promise.withResolvers<string>();
    const pieces = [...preamble, ping, silence.promise, ping, ...events.slice(1)];
    let released: Response | undefined;
    const pending = holdUntilContent(answer(pieces), { clock, commitHoldMs: 1_000 }).then(
      (response) => (released = response),
    );
    await clock.advance(999);
    expect(released).toBeUndefined();
    await clock.advance(1);
    expect(released).toBeDefined();
    const source = takeSource(await pending);
    expect(text(readFrom(source))).toBe(preamble[0]);
    expect(text(readFrom(source))).toBe(ping);
    const third = readFrom(source);
    expect(third).toBeInstanceOf(Promise);
    silence.resolve(ping);
    expect(text(await third)).toBe(ping);
    expect(text(readFrom(source))).toBe(ping);
    let rest = '';
    for (let chunk = await readFrom(source); chunk !== null; chunk = await readFrom(source))
      rest += text(chunk);
    expect(rest).toBe(events.slice(1).join(''));
    expect(clock.pendingTimers).toBe(0);
  });

  it('is released in the middle of pings that keep coming', async () => {
    const clock = fakeClock();
    function* pinging(): Generator<AnswerPiece> {
      yield preamble[0] as string;
      for (;;) yield clock.advance(300).then(() => ping);
    }
    const response = await holdUntilContent(answer(pinging()), {
      clock,
      commitHoldMs: 1_000,
      maxHeldBytes: 1 << 20,
    });
    const source = takeSource(response);
    expect(text(readFrom(source))).toBe(preamble[0]);
    expect(clock.now()).toBeLessThan(2_000);
    source.cancel('enough');
  });

  it('is released when it grows beyond maxHeldBytes', async () => {
    const pings = Array.from({ length: 100 }, () => ping);
    let reads = 0;
    const options = { clock: fakeClock(), maxHeldBytes: ping.length * 10 };
    const response = await holdUntilContent(
      answer([...pings, ...events], { onRead: () => reads++ }),
      options,
    );
    expect(reads).toBe(11);
    expect(await response.text()).toBe(pings.join('') + events.join(''));
  });

  it('meets a failure that comes after its release where the reader is, and nowhere else', async () => {
    const clock = fakeClock();
    const { promise, resolve } = Promise.withResolvers<Error>();
    const pending = holdUntilContent(answer([...preamble, promise]), { clock, commitHoldMs: 10 });
    await clock.advance(10);
    const response = await pending;
    resolve(new PipelineError('idle_timeout'));
    await nextTurn(); // An unhandled rejection would end the run.
    await expect(response.text()).rejects.toMatchObject({ code: 'idle_timeout' });
  });

  it('that was released may be given up: the upstream is cancelled', async () => {
    const clock = fakeClock();
    let cancelled: unknown;
    const pending = holdUntilContent(
      answer([...preamble, never], { onCancel: (reason) => (cancelled = reason) }),
      { clock, commitHoldMs: 10 },
    );
    await clock.advance(10);
    await (await pending).body?.cancel('left');
    expect(cancelled).toBe('left');
  });

  it('leaves no timer behind, however it ends', async () => {
    const clock = fakeClock();
    await (await holdUntilContent(answer(events), { clock })).text();
    await holdUntilContent(answer([errorEvent('anthropic-messages', 529)]), { clock });
    await holdUntilContent(answer([new Error('reset')]), { clock }).catch(() => undefined);
    expect(clock.pendingTimers).toBe(0);
  });

  it('may follow another: what was held once is not held again', async () => {
    const clock = fakeClock();
    const response = await holdUntilContent(await holdUntilContent(answer(events), { clock }), { clock });
    expect(await response.text()).toBe(events.join(''));
  });

  it('passes over whatever is no successful stream of a known format', async () => {
    const clock = fakeClock();
    const json = { 'content-type': 'application/json' };
    const untouched = [
      answer('{"a":1}', { headers: json }),
      answer('{"error":1}', { headers: json, status: 529 }),
      answer(errorEvent('anthropic-messages', 529), { status: 500 }),
      new Response(events.join(''), { headers: { 'content-type': 'text/event-stream' } }),
      new Response(null, { status: 204 }),
    ];
    for (const response of untouched) {
      const same = await holdUntilContent(response, { clock });
      expect(same).toBe(response);
      expect(same.bodyUsed).toBe(false);
    }
    expect(await untouched[0]?.text()).toBe('{"a":1}');
  });
});

it.each([
  ['looked at', (response: Response) => response.body],
  ['cloned', (response: Response) => response.clone().body?.cancel()],
])('a response that was %s before can be held all the same', async (_, look) => {
  const failing = answer([...preamble, errorEvent('anthropic-messages', 529)]);
  void look(failing);
  expect((await holdUntilContent(failing, { clock: fakeClock() })).status).toBe(529);
  const good = answer(events);
  void look(good);
  expect(await (await holdUntilContent(good, { clock: fakeClock() })).text()).toBe(events.join(''));
});

describe('hooks and a hold', () => {
  it('attached afterwards see the held events too', async () => {
    const seen: string[] = [];
    const response = await holdUntilContent(answer(events), { clock: fakeClock() });
    const dropping = transformStream(response, {
      transform: (event, controller) => {
        if (event.type !== 'ping') controller.enqueue(event);
      },
    });
    const text = await observeStream(dropping, { event: (event) => void seen.push(event.type) }).text();
    expect(seen[0]).toBe('message_start');
    expect(text).toBe(events.filter((event) => !event.startsWith('event: ping')).join(''));
  });

  it('attached before have seen what was held when it fails', async () => {
    const log: string[] = [];
    const observed = observeStream(answer([...preamble, errorEvent('anthropic-messages', 529)]), {
      event: (event) => void log.push(event.type),
      error: (cause) => void log.push((cause as PipelineError).code),
      end: () => void log.push('end'),
    });
    expect((await holdUntilContent(observed, { clock: fakeClock() })).status).toBe(529);
    expect(log).toEqual(['message_start', 'error', 'stream_error']);
  });

  it('that terminate the stream before content end the hold', async () => {
    const reason = new PipelineError('content_blocked');
    const terminated = transformStream(answer([...preamble, never]), {
      transform: (event, controller) => {
        controller.enqueue(event);
        controller.terminate(reason);
      },
    });
    expect(await (await holdUntilContent(terminated, { clock: fakeClock() })).text()).toBe(preamble[0]);
  });
});
