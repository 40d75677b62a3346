import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Middleware, type Plugin } from './plugin.ts';
import { provide } from './services.ts';
import { anthropicMessage, anthropicStream } from './testing/anthropic-wire.ts';
import { callWith, causeOf, middlewarePlugin as plugin } from './testing/call-with.ts';
import type { ScriptedAnswer } from './testing/scripted-transport.ts';
import { testPipeline } from './testing/test-pipeline.ts';
import { TRANSPORT, type Transport } from './transport/transport.ts';

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

  it('may throw at once, or answer at once: it is one attempt all the same, and it ends', async () => {
    for (const policy of ['open', 'closed'] as const) {
      const log: string[] = [];
      const passing = plugin(
        'passing',
        (request, next, ctx) => {
          ctx.onAttempt(({ disposition }) => void log.push(`${disposition?.health}`));
          return next(request);
        },
        policy,
      );
      const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
      const answers: (() => unknown)[] = [
        () => {
          throw refused;
        },
        ok,
      ];
      const send = (() => {
        log.push('sent');
        return answers.shift()?.();
      }) as Transport['send'];
      await using test = testPipeline({
        plugins: [passing],
        services: [provide(TRANSPORT, () => ({ send }))],
      });
      expect((await test.post()).status).toBe(502);
      expect(await (await test.post()).text()).toBe(message);
      expect(log).toEqual(['sent', 'failure', 'sent', 'success']);
      expect(test.outcomes).toMatchObject([
        { kind: 'upstream-error', attempts: 1, cause: { code: 'connect_failed', cause: refused } },
        { kind: 'completed', attempts: 1 },
      ]);
    }
    expect(warnings).toEqual([]);
  });

  it('that returns no response is an internal error', async () => {
    const call = await callWith([], (() => undefined) as unknown as ScriptedAnswer);
    expect(call).toMatchObject({ status: 500, outcome: { cause: { code: 'internal' } } });
    expect(causeOf(call)).toBe('the transport returned undefined, no Response');
  });
});

it('a plugin that sends where nothing can be sent makes an attempt that fails, and ends', async () => {
  for (const [url, code] of [
    ['http://example.com/v1/messages', 'connect_failed'],
    ['https://[no/v1/messages', 'invalid_request'],
  ] as const) {
    const lost = plugin('lost', (request, next) => next({ ...request, url }));
    const innocent = plugin('innocent', (request, next) => next(request), 'open');
    await using test = testPipeline({ plugins: [lost, innocent], sockets: true });
    await (await test.post()).text();
    expect(test.outcomes).toMatchObject([
      { cause: { code, retryable: false }, history: [{ error: { code }, durationMs: 0 }] },
    ]);
  }
  expect(warnings).toEqual([]);
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
