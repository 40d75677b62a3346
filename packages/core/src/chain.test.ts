import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PipelineError } from './errors.ts';
import { definePlugin, type FailurePolicy, type Middleware, type Plugin } from './plugin.ts';
import { observeStream } from './stream/attach.ts';
import { anthropicMessage, anthropicStream } from './testing/anthropic-wire.ts';
import type { ScriptedAnswer } from './testing/scripted-transport.ts';
import { streamAnswer } from './testing/stream-answer.ts';
import { testPipeline } from './testing/test-pipeline.ts';

const message = anthropicMessage();
const json = { 'content-type': 'application/json' };
const ok = (): Response => new Response(message, { headers: json });

function plugin(name: string, handle: Middleware, onError: FailurePolicy = 'closed'): Plugin {
  return definePlugin({ name, onError, create: () => ({ handle }) })();
}

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

/** What happened to one call. */
async function callWith(plugins: readonly Plugin[], ...answers: readonly ScriptedAnswer[]) {
  await using test = testPipeline({ plugins, answers });
  const response = await test.post();
  const text = await response.text();
  await nextTurn();
  const { outcomes, transport } = test;
  return {
    status: response.status,
    text,
    outcome: outcomes[0],
    outcomes,
    sent: transport.requests,
    headers: response.headers,
  };
}

const causeOf = (call: Awaited<ReturnType<typeof callWith>>): string => {
  const error = call.outcome?.cause as PipelineError;
  return (error.cause as Error).message;
};

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

  it.each(failures)('fails the call when it %s and is closed, and that is reported', async (_, handle, says) => {
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

describe('a body that was read', () => {
  const readers: readonly (readonly [string, Middleware])[] = [
    [
      'text()',
      async (request, next) => {
        const response = await next(request);
        await response.text();
        return response;
      },
    ],
    [
      'json()',
      async (request, next) => {
        const response = await next(request);
        await response.json();
        return response;
      },
    ],
    [
      'its reader',
      async (request, next) => {
        const response = await next(request);
        await (response.body as ReadableStream).getReader().read();
        return response;
      },
    ],
    [
      'text() of a response of its own',
      async () => {
        const response = ok();
        await response.text();
        return response;
      },
    ],
    [
      'a lock on a response of its own',
      async () => {
        const response = ok();
        response.body?.getReader();
        return response;
      },
    ],
  ];

  it.each(readers)(
    'and is returned all the same is a failure that says what to do: %s',
    async (_, handle) => {
      const call = await callWith(
        [plugin('outer', (request, next) => next(request)), plugin('reading', handle)],
        ok,
      );
      expect(call).toMatchObject({
        status: 500,
        outcome: { cause: { code: 'plugin_failed', plugin: 'reading' } },
      });
      expect(causeOf(call)).toBe(
        'it returned a response whose body it has read; use observeStream or peekJson, or return a new Response with what was read',
      );
    },
  );

  it('may be returned anew, or read from a clone', async () => {
    const anew = plugin('anew', async (request, next) => {
      const response = await next(request);
      return new Response((await response.text()).toUpperCase(), response);
    });
    expect(await callWith([anew], ok)).toMatchObject({ status: 200, text: message.toUpperCase() });
    let copy = '';
    const cloning = plugin('cloning', async (request, next) => {
      const response = await next(request);
      copy = await response.clone().text();
      return response;
    });
    expect(await callWith([cloning], ok)).toMatchObject({ status: 200, text: message });
    expect(copy).toBe(message);
  });
});

describe('an answer that a plugin makes itself', () => {
  const answering = (response: () => Response): Plugin => plugin('own', async () => response());

  it('is read in the format of the call: usage is known, and a cut one is no proper end', async () => {
    const body = anthropicMessage({ usage: { output_tokens: 9 } });
    const whole = await callWith([answering(() => new Response(body, { headers: json }))]);
    expect(whole.outcome).toMatchObject({ kind: 'completed', attempts: 0, usage: { outputTokens: 9 } });
    const events = anthropicStream().slice(0, -1).join('');
    const cut = await callWith([
      answering(() => new Response(events, { headers: { 'content-type': 'text/event-stream' } })),
    ]);
    expect(cut.outcome).toMatchObject({ kind: 'upstream-error', cause: { code: 'stream_cut' } });
    expect(cut.text).toMatch(/event: error\n/);
  });

  it('of a type that the format does not have is a failure that names the type', async () => {
    const call = await callWith([answering(() => new Response('hello'))]);
    expect(call.status).toBe(500);
    expect(causeOf(call)).toBe(
      'it answered status 200 with content-type text/plain;charset=UTF-8, which is no answer in anthropic-messages',
    );
  });

  it('may come from another implementation of fetch', async () => {
    const { Response: Other } = await import('undici');
    const call = await callWith([
      answering(() => new Other(message, { headers: json }) as unknown as Response),
    ]);
    expect(call).toMatchObject({ status: 200, text: message });
  });

  it('with an error status is passed on whatever it holds', async () => {
    const call = await callWith([
      answering(() => new Response('<h1>No</h1>', { status: 418, headers: { 'content-type': 'text/html' } })),
    ]);
    expect(call).toMatchObject({
      status: 418,
      text: '<h1>No</h1>',
      outcome: { kind: 'refused', attempts: 0 },
    });
  });
});

describe('a transport that is not ours', () => {
  it('may fail as fetch does: the code decides, and no plugin is blamed', async () => {
    const refused = new TypeError('fetch failed', {
      cause: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
    });
    const passing = plugin('passing', (request, next) => next(request), 'open');
    expect(
      await callWith([passing], () => {
        throw refused;
      }),
    ).toMatchObject({
      status: 502,
      outcome: { kind: 'upstream-error', cause: { code: 'connect_failed', cause: refused } },
    });
    expect(warnings).toEqual([]);
  });

  it('that returns no response is an internal error', async () => {
    const call = await callWith([], (() => undefined) as unknown as ScriptedAnswer);
    expect(call).toMatchObject({ status: 500, outcome: { cause: { code: 'internal' } } });
    expect(causeOf(call)).toBe('the transport returned undefined, no Response');
  });
});

describe('a call that is aborted', () => {
  it('ends as that, and not as the failure of the plugin whose wait broke off', async () => {
    for (const policy of ['open', 'closed'] as const) {
      const waiting = plugin(
        'waiting',
        (request) =>
          new Promise((_, reject) => {
            request.signal.addEventListener('abort', () => {
              reject(new DOMException('This operation was aborted', 'AbortError'));
            });
          }),
        policy,
      );
      await using test = testPipeline({ plugins: [waiting], answers: [ok] });
      const caller = new AbortController();
      const response = test.post({}, { signal: caller.signal });
      await nextTurn();
      caller.abort(new Error('I leave'));
      await expect(response).rejects.toThrow('I leave');
      expect(test.outcomes).toMatchObject([{ kind: 'client-abort', status: 499 }]);
    }
    expect(warnings).toEqual([]);
  });

  it('ends at its deadline although a plugin hangs and hears no signal', async () => {
    const hanging = plugin('hanging', () => new Promise(() => undefined));
    await using test = testPipeline({ plugins: [hanging], timeouts: { totalMs: 1_000 } });
    const response = test.post();
    await test.clock.advance(1_000);
    expect(test.outcomes).toMatchObject([{ kind: 'timeout', status: 504 }]);
    expect((await response).status).toBe(504);
  }, 2_000);

  it('ends for its caller although a plugin hangs and hears no signal', async () => {
    const hanging = plugin('hanging', () => new Promise(() => undefined));
    await using test = testPipeline({ plugins: [hanging] });
    const caller = new AbortController();
    const response = test.post({}, { signal: caller.signal });
    await nextTurn();
    caller.abort(new Error('I leave'));
    await expect(response).rejects.toThrow('I leave');
    expect(test.outcomes).toMatchObject([{ kind: 'client-abort', status: 499 }]);
  }, 2_000);

  it('is not answered by a plugin that swallows the abort', async () => {
    const swallowing = plugin('swallowing', async (request, next) => {
      try {
        return await next(request);
      } catch {
        return ok();
      }
    });
    await using test = testPipeline({
      plugins: [swallowing],
      answers: [() => new Promise(() => undefined)],
      timeouts: { totalMs: 1_000 },
    });
    const response = test.post();
    await test.clock.advance(1_000);
    expect((await response).status).toBe(504);
    expect(test.outcomes).toMatchObject([{ kind: 'timeout', status: 504 }]);
  });
});
