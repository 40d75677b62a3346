import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Outcome } from './outcome.ts';
import { definePlugin, type Middleware, type Plugin } from './plugin.ts';
import { PRINCIPAL, stateKey } from './state.ts';
import { observeStream } from './stream/attach.ts';
import { anthropicMessage, anthropicStream } from './testing/anthropic-wire.ts';
import { streamAnswer } from './testing/stream-answer.ts';
import { testPipeline, type TestPipelineOptions } from './testing/test-pipeline.ts';

const json = { 'content-type': 'application/json' };

function plugin(handle: Middleware, name = 'plugin'): Plugin {
  return definePlugin({ name, create: () => ({ handle }) })();
}

/** Makes one call and reads its body to the end, however that ends. */
async function ended(options: TestPipelineOptions, fields: object = {}) {
  await using test = testPipeline(options);
  const response = await test.post(fields as Record<string, unknown>);
  const body = await response.text().catch((error: unknown) => error as Error);
  expect(test.clock.pendingTimers).toBe(0);
  expect(test.outcomes).toHaveLength(1);
  return { status: response.status, body, outcome: test.outcomes[0] as Outcome };
}

describe('attempts, usage and duration', () => {
  it('count what was sent for the call, in parallel or not', async () => {
    const thrice = plugin(async (request, next) => {
      await Promise.all([next(request), next(request)]);
      return next(request);
    });
    const answers = [1, 2, 3].map(() => () => new Response('{}', { headers: json }));
    expect(await ended({ plugins: [thrice], answers })).toMatchObject({ outcome: { attempts: 3 } });
  });

  it('are those of the answer that was handed on', async () => {
    const answer = (tokens: number) => () =>
      new Response(anthropicMessage({ usage: { output_tokens: tokens } }), { headers: json });
    const second = plugin(async (request, next) => {
      await (await next(request)).text();
      return next(request);
    });
    expect(await ended({ plugins: [second], answers: [answer(1), answer(2)] })).toMatchObject({
      outcome: { usage: { outputTokens: 2 } },
    });
  });

  it('are counted to the last byte, not to the headers', async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    await using test = testPipeline({ answers: [streamAnswer([anthropicStream()[0] as string, promise])] });
    const text = (await test.post({ stream: true })).text();
    await test.clock.advance(250);
    expect(test.outcomes).toEqual([]);
    resolve(anthropicStream().slice(1).join(''));
    await text;
    expect(test.outcomes).toMatchObject([{ kind: 'completed', durationMs: 250 }]);
  });

  it('are told of a call without a format too, by status alone', async () => {
    await using test = testPipeline({
      answers: [
        new Response('anything'),
        new Response(null, { status: 204 }),
        new Response('no', { status: 404 }),
        new Response('on', { status: 302 }),
      ],
    });
    for (let i = 0; i < 4; i++) await (await test.pipeline.fetch('https://x.test/v1/files')).text();
    expect(test.outcomes.map(({ kind, status, usage }) => [kind, status, usage])).toEqual([
      ['completed', 200, undefined],
      ['completed', 204, undefined],
      ['upstream-error', 404, undefined],
      ['completed', 302, undefined],
    ]);
  });
});

describe('onComplete', () => {
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
  const answers = [new Response('{}', { headers: json })];

  it('listeners that throw or reject are reported as warnings, and nothing else comes of it', async () => {
    const told: string[] = [];
    const listening = plugin((request, next, ctx) => {
      ctx.onComplete(() => {
        throw new Error('thrown');
      });
      ctx.onComplete(async () => {
        throw new Error('rejected');
      });
      const nothing: unknown = null;
      ctx.onComplete(() => {
        throw nothing;
      });
      ctx.onComplete((outcome) => {
        told.push(outcome.kind);
      });
      return next(request);
    });
    const { status, outcome } = await ended({ plugins: [listening], answers });
    await nextTurn();
    expect({ status, kind: outcome.kind, told }).toEqual({
      status: 200,
      kind: 'completed',
      told: ['completed'],
    });
    expect(warnings.map(({ name, message }) => `${name}: ${message}`).sort()).toEqual([
      'SluiceWarning: an onComplete listener failed: null',
      'SluiceWarning: an onComplete listener failed: rejected',
      'SluiceWarning: an onComplete listener failed: thrown',
    ]);
  });

  it('listeners added after the end are told at once, also from within a listener', async () => {
    const told: string[] = [];
    let later: (() => void) | undefined;
    const listening = plugin((request, next, ctx) => {
      ctx.onComplete(() => ctx.onComplete((outcome) => void told.push(`inner ${outcome.kind}`)));
      later = () => {
        ctx.onComplete((outcome) => void told.push(`late ${outcome.kind}`));
        ctx.onComplete(() => {
          throw new Error('late');
        });
      };
      return next(request);
    });
    await ended({ plugins: [listening], answers: [new Response('{}', { headers: json })] });
    expect(told).toEqual(['inner completed']);
    later?.();
    await nextTurn();
    expect(told).toEqual(['inner completed', 'late completed']);
    expect(warnings.map(({ message }) => message)).toEqual(['an onComplete listener failed: late']);
  });

  it('is told once although the body is read, cancelled and aborted at its end', async () => {
    const caller = new AbortController();
    await using test = testPipeline({ answers: [streamAnswer(anthropicStream())] });
    const response = await test.post({ stream: true }, { signal: caller.signal });
    await response.text();
    caller.abort();
    await response.body?.cancel().catch(() => undefined);
    await test.clock.advance(10_000_000);
    expect(test.outcomes).toMatchObject([{ kind: 'completed' }]);
  });
});

describe('state and context', () => {
  it('belong to one call: typed slots, seen by all plugins, empty for the next call', async () => {
    const KEY = stateKey<number>('number');
    const SAME_NAME = stateKey<number>('number');
    const seen: unknown[] = [];
    const inner = plugin((request, next, ctx) => {
      seen.push([ctx.state.get(KEY), ctx.state.get(SAME_NAME), ctx.state.get(PRINCIPAL)?.id]);
      ctx.state.set(KEY, 2);
      return next(request);
    }, 'inner');
    const outer = plugin(async (request, next, ctx) => {
      if (ctx.streamed) ctx.state.set(KEY, 1);
      const response = await next(request);
      seen.push(ctx.state.get(KEY));
      return response;
    }, 'outer');
    await using test = testPipeline({
      plugins: [outer, inner],
      answers: [0, 1].map(() => () => new Response('{}', { status: 404 })),
    });
    await (await test.post({ stream: true })).text();
    await (await test.post()).text();
    expect(seen).toEqual([[1, undefined, undefined], 2, [undefined, undefined, undefined], 2]);
  });

  it('hold what a mount has seeded before the first plugin', async () => {
    let principal: unknown;
    const reading = plugin((request, next, ctx) => {
      principal = ctx.state.get(PRINCIPAL);
      return next(request);
    });
    await using test = testPipeline({ plugins: [reading], answers: [new Response('{}', { status: 404 })] });
    const inbound = { method: 'POST', target: '/v1/messages', headers: {}, body: null };
    await (
      await test.pipeline.handle(inbound, (state) => {
        state.set(PRINCIPAL, { id: 'me' });
      })
    ).text();
    expect(principal).toEqual({ id: 'me' });
    const failing = await test.pipeline.handle(inbound, () => {
      throw new Error('boom');
    });
    expect(failing.status).toBe(500);
  });

  it('tell id, format, streaming, attempts and the time that is left', async () => {
    const seen: unknown[] = [];
    const telling = plugin(async (request, next, ctx) => {
      const before = [ctx.format?.name, ctx.streamed, ctx.attempts, ctx.remainingMs(), ctx.id === ctx.id];
      const response = await next(request);
      seen.push([...before, ctx.attempts, ctx.remainingMs(), ctx.id.length]);
      return response;
    });
    const slowly = async (): Promise<Response> => {
      await test.clock.advance(100);
      return new Response('{}', { status: 404 });
    };
    await using test = testPipeline({
      plugins: [telling],
      answers: [slowly, slowly],
      timeouts: { totalMs: 1_000, streamedTotalMs: 2_000 },
    });
    await (await test.post({ stream: true })).text();
    await (await test.pipeline.fetch('https://x.test/v1/models')).text();
    expect(seen).toEqual([
      ['anthropic-messages', true, 0, 2_000, true, 1, 1_900, 36],
      [undefined, false, 0, 1_000, true, 1, 900, 36],
    ]);
  });

  it('go with observers: a hook may still set state while the body passes', async () => {
    const KEY = stateKey<string>('first');
    let atEnd: string | undefined;
    const watching = plugin(async (request, next, ctx) => {
      ctx.onComplete(() => {
        atEnd = ctx.state.get(KEY);
      });
      return observeStream(await next(request), {
        event: (event) => ctx.state.get(KEY) ?? ctx.state.set(KEY, event.type),
      });
    });
    await ended({ plugins: [watching], answers: [streamAnswer(anthropicStream())] }, { stream: true });
    expect(atEnd).toBe('message_start');
  });
});
