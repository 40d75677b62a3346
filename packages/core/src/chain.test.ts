import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PipelineError } from './errors.ts';
import { type Middleware, type Plugin } from './plugin.ts';
import { observeStream } from './stream/attach.ts';
import { anthropicMessage, anthropicStream } from './testing/anthropic-wire.ts';
import { callWith, causeOf, middlewarePlugin as plugin } from './testing/call-with.ts';
import type { ScriptedAnswer } from './testing/scripted-transport.ts';
import { streamAnswer } from './testing/stream-answer.ts';

const message = anthropicMessage();
const json = { 'content-type': 'application/json' };
const ok = (): Response => new Response(message, { headers: json });

let warnings: Error[] = [];
const onWarning = (warning: Error): void => {
  warnings.push(warning);
};
beforeEach(() => {
  warnings = [];
  process.on('warning', onWarning);
});
afterEach(() => {
  process.off('warning', onWarning);
});

describe('next', () => {
  it('runs the plugins in the order of the array, outermost first, and back again', async () => {
    const log: string[] = [];
    const logging = (name: string): Plugin =>
      plugin(name, async (request, next) => {
        log.push(`${name} in`);
        const response = await next(request);
        log.push(`${name} out`);
        return response;
      });
    await callWith([logging('a'), logging('b'), logging('c')], ok);
    expect(log).toEqual(['a in', 'b in', 'c in', 'c out', 'b out', 'a out']);
  });

  it('may be left out: nothing further in runs, and nothing is sent', async () => {
    const inner = plugin('inner', () => expect.unreachable());
    const call = await callWith([plugin('own', async () => ok()), inner]);
    expect(call).toMatchObject({
      status: 200,
      text: message,
      sent: [],
      outcome: { kind: 'completed', attempts: 0 },
    });
  });

  it('may be called again, one after the other and at the same time', async () => {
    const again = plugin('again', async (request, next) => {
      await next(request);
      const [, second] = await Promise.all([
        next(request),
        next({ ...request, url: `${request.url}?second` }),
      ]);
      return second;
    });
    const call = await callWith([again], ok, ok, () => new Response('{"last":1}', { headers: json }));
    expect(call).toMatchObject({ text: '{"last":1}', outcome: { attempts: 3 } });
    expect(call.sent.map(({ url }) => new URL(url).search)).toEqual(['', '', '?second']);
  });

  it('passes on what a plugin has changed, and leaves the request of the others alone', async () => {
    const changing = plugin('changing', (request, next) => next({ ...request, headers: { 'x-new': '1' } }));
    let seen: unknown;
    const outer = plugin('outer', async (request, next) => {
      const response = await next(request);
      seen = request.headers;
      return response;
    });
    const call = await callWith([outer, changing], ok);
    expect(call.sent[0]?.headers).toEqual({ 'x-new': '1' });
    expect(seen).toEqual({ 'content-type': 'application/json' });
  });

  it('called without a request is a failure that says what to do', async () => {
    const koa = plugin('koa', async (_request, next) => (next as () => Promise<Response>)());
    const call = await callWith([koa]);
    expect(call.status).toBe(500);
    expect(causeOf(call)).toBe('next was called without a request; call next(request)');
  });
});

describe('a plugin that fails', () => {
  const throwing =
    (value: unknown): Middleware =>
    () => {
      throw value;
    };
  const failures: readonly (readonly [string, Middleware, RegExp])[] = [
    [
      'throws',
      () => {
        throw new Error('boom');
      },
      /^boom$/,
    ],
    ['rejects', () => Promise.reject(new Error('boom')), /^boom$/],
    ['throws what is no Error', throwing('boom'), /boom/],
    ['throws nothing', throwing(undefined), /undefined/],
    ['throws what cannot be made a string', throwing(Object.create(null)), /Object/],
    [
      'returns undefined',
      (async () => undefined) as unknown as Middleware,
      /it returned undefined; return what next\(request\)/,
    ],
    ['returns nothing, and no promise', (() => undefined) as unknown as Middleware, /it returned undefined/],
    ['returns null', (async () => null) as unknown as Middleware, /it returned null/],
    ['returns text', (async () => 'hello') as unknown as Middleware, /it returned hello/],
    [
      'returns a plain object',
      (async () => ({ status: 200 })) as unknown as Middleware,
      /a value of type object/,
    ],
    ['returns an array', (async () => [ok()]) as unknown as Middleware, /a value of type array/],
  ];

  it.each(failures)(
    'fails the call when it %s and is closed, and that is reported',
    async (_, handle, says) => {
      const call = await callWith([plugin('bad', handle)], ok);
      expect(call).toMatchObject({
        status: 500,
        sent: [],
        outcome: { kind: 'refused', cause: { code: 'plugin_failed', plugin: 'bad' } },
      });
      expect(call.outcomes).toHaveLength(1);
      expect(JSON.parse(call.text)).toMatchObject({ error: { message: 'An internal part failed.' } });
      expect(call.headers.get('x-should-retry')).toBe('false');
      expect(warnings).toHaveLength(1);
      expect(warnings[0]?.message).toMatch(/^plugin "bad" failed, and the call with it: /);
      expect(warnings[0]?.message).toMatch(new RegExp(says.source.replace(/^\^/, '')));
    },
  );

  it('may give its refusal headers, but not those that describe the body', async () => {
    const headers = { ratelimit: '"rpm";r=0;t=3', 'content-type': 'text/html' };
    const refuse: Middleware = () =>
      Promise.reject(new PipelineError('rate_limited', { headers, retryAfterMs: 2_500 }));
    const call = await callWith([plugin('limit', refuse)], ok);
    expect(call).toMatchObject({ status: 429, sent: [] });
    expect(Object.fromEntries(call.headers)).toMatchObject({
      ratelimit: '"rpm";r=0;t=3',
      'content-type': 'application/json',
      'retry-after': '3',
    });
  });

  it.each(failures)(
    'is passed over when it %s and is open, and that is reported',
    async (_, handle, says) => {
      const call = await callWith([plugin('bad', handle, 'open')], ok);
      expect(call).toMatchObject({ status: 200, text: message, outcome: { kind: 'completed', attempts: 1 } });
      expect(warnings).toHaveLength(1);
      expect(warnings[0]?.name).toBe('SluiceWarning');
      expect(warnings[0]?.message).toMatch(/^plugin "bad" failed and was passed over: /);
      expect(warnings[0]?.message).toMatch(new RegExp(says.source.replace(/^\^/, '')));
    },
  );

  it('after next: closed fails the call, open hands out the answer that is there', async () => {
    const late: Middleware = async (request, next) => {
      await next(request);
      throw new Error('late');
    };
    expect(await callWith([plugin('late', late)], ok)).toMatchObject({
      status: 500,
      outcome: { attempts: 1 },
    });
    expect(await callWith([plugin('late', late, 'open')], ok)).toMatchObject({
      status: 200,
      text: message,
      outcome: { attempts: 1 },
    });
  });

  it('after it has attached a hook: open hands out the answer with the hook', async () => {
    let ended = 0;
    const late: Middleware = async (request, next) => {
      observeStream(await next(request), { end: () => ended++ });
      throw new Error('late');
    };
    expect(await callWith([plugin('late', late, 'open')], ok)).toMatchObject({ status: 200, text: message });
    expect(ended).toBe(1);
  });

  it('after it has read the body: fails the call although it is open, and does not ask again', async () => {
    const reading: Middleware = async (request, next) => {
      await (await next(request)).text();
      throw new Error('late');
    };
    const call = await callWith([plugin('reading', reading, 'open')], ok);
    expect(call).toMatchObject({
      status: 500,
      outcome: { attempts: 1, cause: { code: 'plugin_failed', plugin: 'reading' } },
    });
  });

  it('closes the stream that it was answered and does not hand on', async () => {
    let cancelled = 0;
    const answer = (): ScriptedAnswer =>
      streamAnswer([...anthropicStream(), new Promise(() => undefined)], { onCancel: () => cancelled++ });
    for (const [error, policy] of [
      [new Error('boom'), 'closed'],
      [new PipelineError('content_blocked'), 'closed'],
      [new PipelineError('content_blocked'), 'open'],
    ] as const) {
      const failing = plugin(
        'failing',
        async (request, next) => {
          await next(request);
          throw error;
        },
        policy,
      );
      await callWith([failing], answer());
    }
    expect(cancelled).toBe(3);
  });

  it('that does not await next causes no unhandled rejection', async () => {
    const careless = plugin('careless', async (request, next) => {
      void next(request);
      await nextTurn();
      throw new Error('boom');
    });
    const unhandled: unknown[] = [];
    const onUnhandled = (reason: unknown): void => {
      unhandled.push(reason);
    };
    process.on('unhandledRejection', onUnhandled);
    expect((await callWith([careless], new PipelineError('connect_failed'))).status).toBe(500);
    await nextTurn();
    process.off('unhandledRejection', onUnhandled);
    expect(unhandled).toEqual([]);
  });

  it('is not blamed for what it refuses, nor for what the inside threw', async () => {
    for (const policy of ['open', 'closed'] as const) {
      const refusing = plugin(
        'refusing',
        () => {
          throw new PipelineError('content_blocked', { plugin: 'refusing' });
        },
        policy,
      );
      expect(await callWith([refusing], ok)).toMatchObject({
        status: 400,
        sent: [],
        outcome: { cause: { code: 'content_blocked' } },
      });
      const passing = plugin('passing', (request, next) => next(request), policy);
      const call = await callWith([passing], new PipelineError('connect_failed'));
      expect(call).toMatchObject({
        status: 502,
        outcome: { kind: 'upstream-error', attempts: 1, cause: { code: 'connect_failed' } },
      });
    }
    expect(warnings).toEqual([]);
  });
});
