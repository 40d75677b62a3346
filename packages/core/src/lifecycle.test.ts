import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { definePlugin, type Plugin, type PluginInstance } from './plugin.ts';
import { anthropicStream } from './testing/anthropic-wire.ts';
import { fakeClock } from './testing/fake-clock.ts';
import { streamAnswer } from './testing/stream-answer.ts';
import { testPipeline } from './testing/test-pipeline.ts';
import { CLOCK } from './clock.ts';
import { provide } from './services.ts';

const json = { 'content-type': 'application/json' };
const ok = (): Response => new Response('{}', { headers: json });
const never = new Promise<never>(() => undefined);

function part(name: string, instance: Partial<PluginInstance>): Plugin {
  return definePlugin({ name, create: () => ({ handle: (request, next) => next(request), ...instance }) })();
}

describe('drain', () => {
  it('refuses new calls with 503, and waits for streams in progress', async () => {
    const events = anthropicStream();
    const rest = Promise.withResolvers<string>();
    await using test = testPipeline({ answers: [streamAnswer([events[0] as string, rest.promise])] });
    const streaming = await test.post({ stream: true });
    let drained = false;
    const draining = test.pipeline.drain().then(() => (drained = true));
    const refused = await test.post();
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    await test.clock.advance(29_999);
    expect(drained).toBe(false);
    rest.resolve(events.slice(1).join(''));
    expect(await streaming.text()).toBe(events.join(''));
    await draining;
    expect(test.outcomes.map(({ kind }) => kind)).toEqual(['completed']);
    expect(test.clock.pendingTimers).toBe(0);
  });

  it('waits for asynchronous completion listeners', async () => {
    const written = Promise.withResolvers<void>();
    const auditing = definePlugin({
      name: 'auditing',
      create: () => ({
        handle: (request, next, ctx) => {
          ctx.onComplete(() => written.promise);
          return next(request);
        },
      }),
    });
    await using test = testPipeline({ plugins: [auditing()], answers: [ok] });
    await (await test.post()).text();
    let drained = false;
    const draining = test.pipeline.drain().then(() => (drained = true));
    await test.clock.advance(10);
    expect(drained).toBe(false);
    written.resolve();
    await draining;
  });

  it('aborts at its deadline what is left, with the outcome shutdown, and ends', async () => {
    await using test = testPipeline({
      answers: [streamAnswer([anthropicStream()[0] as string, never]), () => never, ok],
    });
    const streaming = await test.post({ stream: true });
    const waiting = test.post();
    await nextTurn();
    const draining = test.pipeline.drain(1_000);
    await test.clock.advance(1_000);
    await draining;
    expect(test.outcomes.map(({ kind }) => kind)).toEqual(['shutdown', 'shutdown']);
    expect((await waiting).status).toBe(503);
    expect(await streaming.text()).toContain('The service is shutting down.');
  });

  it('gives a listener that never ends some seconds, and no more', async () => {
    const stuck = definePlugin({
      name: 'stuck',
      create: () => ({
        handle: (request, next, ctx) => {
          ctx.onComplete(() => never);
          return next(request);
        },
      }),
    });
    await using test = testPipeline({ plugins: [stuck()], answers: [ok] });
    await (await test.post()).text();
    const draining = test.pipeline.drain(1_000);
    await test.clock.advance(6_000);
    await draining;
  });

  it('is done at once when nothing is in progress, and may be asked for again and again', async () => {
    await using test = testPipeline();
    await test.pipeline.drain();
    await Promise.all([test.pipeline.drain(), test.pipeline.drain()]);
    expect(test.clock.pendingTimers).toBe(0);
  });

  it('asked for twice at once ends twice', async () => {
    const rest = Promise.withResolvers<string>();
    const events = anthropicStream();
    await using test = testPipeline({ answers: [streamAnswer([events[0] as string, rest.promise])] });
    const streaming = await test.post({ stream: true });
    const both = [test.pipeline.drain(), test.pipeline.close()];
    rest.resolve(events.slice(1).join(''));
    await streaming.text();
    await Promise.all(both);
    expect(test.clock.now()).toBe(0);
  }, 2_000);

  it('does not count a call that was never read as in progress for ever', async () => {
    await using test = testPipeline({ answers: [ok] });
    await test.post();
    const draining = test.pipeline.drain(1_000);
    await test.clock.advance(1_000);
    await draining;
    expect(test.outcomes.map(({ kind }) => kind)).toEqual(['shutdown']);
  });
});

describe('close', () => {
  it('is harmless when repeated, and closes each part once', async () => {
    let closed = 0;
    const test = testPipeline({ plugins: [part('counted', { close: () => void closed++ })] });
    await Promise.all([test.pipeline.close(), test.pipeline.close()]);
    await test.pipeline.close();
    expect(closed).toBe(1);
    expect((await test.post()).status).toBe(503);
  });

  it('closes the rest although a part fails or hangs, and tells of it', async () => {
    const log: string[] = [];
    const test = testPipeline({
      plugins: [
        part('last', { close: () => void log.push('last') }),
        part('failing', {
          close: () => {
            throw new Error('close failed');
          },
        }),
        part('hanging', { close: () => never }),
        part('first', { close: () => void log.push('first') }),
      ],
    });
    const closing = test.pipeline.close().catch((error: unknown) => error as AggregateError);
    await test.clock.advance(5_000);
    const error = (await closing) as AggregateError;
    expect(error).toBeInstanceOf(AggregateError);
    expect(error.errors.map(({ message }: Error) => message)).toEqual([
      'a part of the pipeline did not close within 5000 ms',
      'close failed',
    ]);
    expect(log).toEqual(['first', 'last']);
    expect(test.transport.closed).toBe(true);
  });

  it('is what `await using` does', async () => {
    const log: string[] = [];
    {
      await using pipeline = testPipeline({
        plugins: [part('mine', { close: () => void log.push('closed') })],
      }).pipeline;
      void pipeline;
    }
    expect(log).toEqual(['closed']);
  });

  it('leaves no timer and no listener on the signal of a caller', async () => {
    const clock = fakeClock();
    const test = testPipeline({
      services: [provide(CLOCK, () => clock)],
      answers: [ok, () => Promise.reject(new Error('x'))],
    });
    const { signal } = new AbortController();
    let listeners = 0;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    await (await test.post({}, { signal })).text();
    await (await test.post({}, { signal })).text();
    expect(listeners).toBe(0);
    await test.pipeline.close();
    expect(clock.pendingTimers).toBe(0);
  });
});
