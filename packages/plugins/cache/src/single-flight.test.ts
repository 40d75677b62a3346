import { setImmediate as nextTurn } from 'node:timers/promises';
import { CACHE_STATUS, definePlugin, PipelineError, PRINCIPAL, takeSource } from '@sluice/core';
import {
  anthropicMessage,
  anthropicStream,
  errorBody,
  type ScriptedAnswer,
  streamAnswer,
  type TestPipeline,
  testPipeline,
} from '@sluice/core/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cache, type CacheOptions } from './index.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const events = anthropicStream({ text: 'One two three four five' });
const whole = events.join('');
const good = (text = 'Hello!'): Response => new Response(anthropicMessage({ text }), { headers: JSON_TYPE });
const bad = (status: number): Response =>
  new Response(errorBody('anthropic-messages', status), { status, headers: JSON_TYPE });
const reset = (): Error => Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });

interface Pipe extends TestPipeline {
  readonly statuses: unknown[];
}

function sharing(answers: readonly ScriptedAnswer[], options: CacheOptions = {}): Pipe {
  const statuses: unknown[] = [];
  const watch = definePlugin({
    name: 'identity',
    create: () => ({
      handle: (request, next, ctx) => {
        ctx.onComplete(() => void statuses.push(ctx.state.get(CACHE_STATUS)));
        const id = request.headers['x-caller'];
        if (id !== undefined) ctx.state.set(PRINCIPAL, { id, tenant: 'one' });
        return next(request);
      },
    }),
  });
  return Object.assign(testPipeline({ answers, plugins: [watch(), cache(options)] }), { statuses });
}

/** Pieces that arrive when the test lets them. */
function gated(pieces: readonly (string | Error)[]): {
  pieces: Promise<string | Error>[];
  release: (n?: number) => void;
} {
  const gates = pieces.map(() => Promise.withResolvers<string | Error>());
  let next = 0;
  return {
    pieces: gates.map(({ promise }) => promise),
    release(n = pieces.length) {
      for (; n > 0 && next < pieces.length; n--, next++) gates[next]?.resolve(pieces[next] as string | Error);
    },
  };
}

const ask = (pipe: Pipe, init: RequestInit = {}): Promise<Response> => pipe.post({ stream: true }, init);
const tell = async (response: Promise<Response>): Promise<string> => (await response).text();
async function turns(n = 5): Promise<void> {
  for (let i = 0; i < n; i++) await nextTurn();
}

describe('1,000 calls for one stream', () => {
  test('cost one request, and each gets every byte, whenever it came', async () => {
    const upstream = gated(events);
    await using pipe = sharing([streamAnswer(upstream.pieces)]);
    const texts: Promise<string>[] = [];
    for (const [index] of events.entries()) {
      for (let i = 0; i < Math.ceil(1_000 / events.length); i++) texts.push(tell(ask(pipe)));
      await turns(2);
      upstream.release(1);
      if (index === events.length - 2) await turns(2);
    }
    upstream.release();
    expect(texts.length).toBeGreaterThanOrEqual(1_000);
    expect(new Set(await Promise.all(texts))).toEqual(new Set([whole]));
    expect(pipe.transport.requests).toHaveLength(1);
    expect(new Set(pipe.outcomes.map(({ kind }) => kind))).toEqual(new Set(['completed']));
    expect(pipe.outcomes).toHaveLength(texts.length);
    expect(pipe.outcomes.filter(({ attempts }) => attempts === 1)).toHaveLength(1);
    expect(pipe.statuses.filter((status) => status === 'collapsed')).toHaveLength(texts.length - 1);
  });

  test.each([0, 1, 3, events.length - 1])(
    'go on when the first caller leaves after %i events',
    async (seen) => {
      const upstream = gated(events);
      let cancelled = false;
      await using pipe = sharing([streamAnswer(upstream.pieces, { onCancel: () => (cancelled = true) })]);
      const caller = new AbortController();
      const first = ask(pipe, { signal: caller.signal }).then((response) => response.text());
      first.catch(() => undefined);
      const texts = Array.from({ length: 999 }, () => tell(ask(pipe)));
      await turns(2);
      upstream.release(seen);
      await turns(2);
      caller.abort();
      await expect(first).rejects.toThrow();
      await turns(2);
      expect(cancelled).toBe(false);
      upstream.release();
      expect(new Set(await Promise.all(texts))).toEqual(new Set([whole]));
      expect(pipe.transport.requests).toHaveLength(1);
      expect(pipe.outcomes[0]).toMatchObject({ kind: 'client-abort' });
      // It is stored, although the call that asked is gone.
      expect(await tell(ask(pipe))).toBe(whole);
      expect(pipe.transport.requests).toHaveLength(1);
    },
  );

  test('are given up together when the last of them has left', async () => {
    let cancelled = 0;
    const upstream = gated(events);
    await using pipe = sharing([
      streamAnswer(upstream.pieces, { onCancel: () => cancelled++ }),
      streamAnswer(events),
    ]);
    const callers = Array.from({ length: 1_000 }, () => new AbortController());
    const calls = callers.map(({ signal }) => ask(pipe, { signal }).then((response) => response.text()));
    for (const call of calls) call.catch(() => undefined);
    await turns();
    upstream.release(4);
    await turns();
    for (const caller of callers.slice(1)) caller.abort();
    await turns();
    expect(cancelled).toBe(0);
    callers[0]?.abort();
    await turns();
    expect(cancelled).toBe(1);
    // Nothing is stored, and whoever comes next asks anew.
    expect(await tell(ask(pipe))).toBe(whole);
    expect(pipe.transport.requests).toHaveLength(2);
  });

  test.each<[string, () => ScriptedAnswer]>([
    ['a lost connection', () => reset()],
    ['an error answer', () => bad(529)],
    ['a cut before its first byte', () => streamAnswer([reset()])],
    ['a refusal that is its own', () => new PipelineError('rate_limited')],
    ['an open circuit', () => new PipelineError('circuit_open')],
  ])('cost two requests when the first ends with %s, and only its caller sees that', async (_, failure) => {
    const late = Promise.withResolvers<ScriptedAnswer>();
    await using pipe = sharing([
      async (request, ctx) => {
        const answer = await late.promise;
        return typeof answer === 'function' ? answer(request, ctx) : answer;
      },
      streamAnswer(events),
    ]);
    const calls = Array.from({ length: 1_000 }, () => tell(ask(pipe)));
    await turns();
    late.resolve(failure());
    const [first, ...others] = await Promise.all(calls);
    expect(first).toContain('error');
    expect(new Set(others)).toEqual(new Set([whole]));
    expect(pipe.transport.requests).toHaveLength(2);
    expect(pipe.outcomes.filter(({ kind }) => kind === 'completed')).toHaveLength(999);
  });

  test.each([1, 2, 4, events.length - 1])(
    'that have seen %i events see the cut that follows',
    async (seen) => {
      const upstream = gated([...events.slice(0, seen), reset()]);
      await using pipe = sharing([streamAnswer(upstream.pieces), streamAnswer(events)]);
      const calls = Array.from({ length: 1_000 }, () => tell(ask(pipe)));
      await turns();
      upstream.release();
      for (const text of await Promise.all(calls)) {
        expect(text.startsWith(events.slice(0, seen).join(''))).toBe(true);
        expect(text).toMatch(/\nevent: error\ndata: .*\n\n$/);
      }
      expect(pipe.transport.requests).toHaveLength(1);
      // Nothing of it is stored.
      expect(await tell(ask(pipe))).toBe(whole);
    },
  );

  test('cost two requests when the upstream is away, and all are told', async () => {
    await using pipe = sharing([() => reset(), () => reset(), good()]);
    const calls = Array.from({ length: 1_000 }, () => ask(pipe));
    const statuses = await Promise.all(calls.map(async (call) => (await call).status));
    expect(new Set(statuses)).toEqual(new Set([502]));
    expect(pipe.transport.requests).toHaveLength(2);
    await Promise.all(calls.map(async (call) => (await call).text()));
  });

  test('cost two requests when the upstream goes on failing with an answer, and all get it', async () => {
    await using pipe = sharing([bad(503), bad(503)]);
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => ask(pipe)));
    const texts = await Promise.all(answers.map((answer) => answer.text()));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
    expect(new Set(texts)).toEqual(new Set([errorBody('anthropic-messages', 503)]));
    expect(pipe.transport.requests).toHaveLength(2);
    expect(new Set(pipe.outcomes.map(({ kind }) => kind))).toEqual(new Set(['upstream-error', 'refused']));
  });

  test('cost two requests when every answer is cut before its first byte, and all are told', async () => {
    await using pipe = sharing(Array.from({ length: 1_000 }, () => streamAnswer([reset()])));
    const texts = await Promise.all(Array.from({ length: 1_000 }, () => tell(ask(pipe))));
    for (const text of texts) expect(text).toMatch(/^event: error\ndata: .*\n\n$/);
    expect(pipe.transport.requests).toHaveLength(2);
    // Whoever comes next asks anew.
    await tell(ask(pipe));
    expect(pipe.transport.requests).toHaveLength(3);
  });

  test('cost two requests when a cut is followed by a failure', async () => {
    await using pipe = sharing([streamAnswer([reset()]), bad(503), streamAnswer(events)]);
    const texts = await Promise.all(Array.from({ length: 1_000 }, () => tell(ask(pipe))));
    for (const text of texts) expect(text).toMatch(/^event: error\ndata: .*\n\n$/);
    expect(pipe.transport.requests).toHaveLength(2);
  });

  test('cost one when the request itself is wrong', async () => {
    await using pipe = sharing([bad(400)]);
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => ask(pipe)));
    await Promise.all(answers.map((answer) => answer.text()));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([400]));
    expect(pipe.transport.requests).toHaveLength(1);
  });
});

describe('a slow reader', () => {
  test('slows nobody, and has everything in the end', async () => {
    await using pipe = sharing([streamAnswer(events)]);
    const [slow, fast] = await Promise.all([ask(pipe), ask(pipe)]);
    expect(await fast.text()).toBe(whole);
    expect(await slow.text()).toBe(whole);
  });

  test('is cut off when it is more than maxEntryBytes behind, and memory stays bounded', async () => {
    const piece = anthropicStream({ text: `${'x'.repeat(1_000)} ` })[3] as string;
    let read = 0;
    const long = [...events.slice(0, 3), ...Array.from({ length: 200 }, () => piece), ...events.slice(-3)];
    await using pipe = sharing([streamAnswer(long, { onRead: () => read++ })], { maxEntryBytes: 20_000 });
    const [slow, fast] = await Promise.all([ask(pipe), ask(pipe)]);
    const slowly = takeSource(slow);
    slowly.pull(() => undefined);
    expect(await fast.text()).toBe(long.join(''));
    expect(read).toBe(long.length + 1);
    let text = '';
    for (let chunk = slowly.pull(() => undefined); chunk; chunk = slowly.pull(() => undefined))
      text += Buffer.from(chunk).toString();
    expect(text).toMatch(/^event: error\n/);
  });

  test('that has had nothing yet when it is cut off asks by itself', async () => {
    const piece = anthropicStream({ text: `${'x'.repeat(1_000)} ` })[3] as string;
    const long = [...events.slice(0, 3), ...Array.from({ length: 200 }, () => piece), ...events.slice(-3)];
    await using pipe = sharing([streamAnswer(long), streamAnswer(long)], { maxEntryBytes: 20_000 });
    const [fast, slow] = await Promise.all([ask(pipe), ask(pipe)]);
    expect(await fast.text()).toBe(long.join(''));
    expect(await slow.text()).toBe(long.join(''));
    expect(pipe.transport.requests).toHaveLength(2);
  });

  test('alone asks the upstream for no more than it reads', async () => {
    let read = 0;
    await using pipe = sharing([streamAnswer(events, { onRead: () => read++ })]);
    const source = takeSource(await ask(pipe));
    expect(read).toBe(0);
    source.pull(() => undefined);
    expect(read).toBe(1);
    source.cancel(undefined);
  });

  test('that leaves with the last event has missed nothing: the answer is stored', async () => {
    const upstream = gated(events);
    await using pipe = sharing([streamAnswer(upstream.pieces)]);
    upstream.release();
    const reader = (await ask(pipe)).body?.getReader();
    for (let text = ''; !text.includes('message_stop');)
      text += Buffer.from((await reader?.read())?.value ?? []).toString();
    await reader?.cancel();
    expect(await tell(ask(pipe))).toBe(whole);
    expect(pipe.transport.requests).toHaveLength(1);
  });
});

describe('sharing', () => {
  test('does not happen when it is turned off, or for who wants a new answer', async () => {
    await using apart = sharing([streamAnswer(events), streamAnswer(events)], { singleFlight: false });
    await Promise.all([tell(ask(apart)), tell(ask(apart))]);
    expect(apart.transport.requests).toHaveLength(2);

    await using pipe = sharing([streamAnswer(events), streamAnswer(events)]);
    const headers = { ...JSON_TYPE, 'cache-control': 'no-cache' };
    await Promise.all([tell(ask(pipe)), tell(ask(pipe, { headers }))]);
    expect(pipe.transport.requests).toHaveLength(2);
  });

  test('keeps each caller’s own failure its own: one over its limit fails alone', async () => {
    let sent = 0;
    const limited = definePlugin({
      name: 'rate-limit',
      create: () => ({
        handle: (request, next) => {
          if (request.headers['x-caller']?.startsWith('poor') === true)
            throw new PipelineError('rate_limited');
          sent++;
          return next(request);
        },
      }),
    });
    const who = definePlugin({
      name: 'identity',
      create: () => ({
        handle: (request, next, ctx) => {
          ctx.state.set(PRINCIPAL, { id: request.headers['x-caller'] ?? '', tenant: 'one' });
          return next(request);
        },
      }),
    });
    await using pipe = testPipeline({ answers: [good()], plugins: [who(), cache(), limited()] });
    const callers = ['poor1', 'poor2', 'rich1', 'poor3', 'rich2'];
    const answers = await Promise.all(
      callers.map((caller) => pipe.post({}, { headers: { ...JSON_TYPE, 'x-caller': caller } })),
    );
    // Who stands in line before one that may ask fails; who joins it does not.
    expect(answers.map(({ status }) => status)).toEqual([429, 429, 200, 200, 200]);
    expect(sent).toBe(1);
    await Promise.all(answers.map((answer) => answer.text()));
  });

  test('never mixes replies, whoever aborts and when', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            topic: fc.integer({ min: 0, max: 4 }),
            abortAfter: fc.option(fc.integer({ min: 0, max: 6 })),
            stream: fc.boolean(),
          }),
          { minLength: 1, maxLength: 60 },
        ),
        async (plans) => {
          const reply: ScriptedAnswer = (request, ctx) => {
            const { system } = JSON.parse(Buffer.from(request.body ?? []).toString()) as { system: string };
            const text = `topic ${system} of five`;
            return ctx.streamed
              ? streamAnswer(anthropicStream({ text }).map((event) => nextTurn(event)))(request, ctx)
              : good(text);
          };
          await using pipe = sharing(Array.from({ length: 200 }, () => reply));
          const calls = plans.map(async ({ topic, abortAfter, stream }) => {
            const caller = new AbortController();
            const fields = { system: String(topic), ...(stream ? { stream } : {}) };
            const call = pipe
              .post(fields, { signal: caller.signal })
              .then((response) => response.text())
              .catch(() => undefined);
            if (abortAfter !== null) {
              await turns(abortAfter);
              caller.abort();
            }
            const got = await call;
            const text = `topic ${topic} of five`;
            const expected = stream ? anthropicStream({ text }).join('') : anthropicMessage({ text });
            if (got !== undefined) expect(got).toBe(expected);
            else expect(abortAfter).not.toBeNull();
          });
          await Promise.all(calls);
        },
      ),
      { numRuns: 60 },
    );
  });
});
