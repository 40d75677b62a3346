import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { definePlugin, type Plugin, type PluginInstance } from './plugin.ts';
import { provide } from './services.ts';
import { testPipeline } from './testing/test-pipeline.ts';
import { token } from './token.ts';

const json = { 'content-type': 'application/json' };
const ok = (): Response => new Response('{}', { headers: json });
const never = new Promise<never>(() => undefined);

function part(name: string, instance: Partial<PluginInstance>): Plugin {
  return definePlugin({ name, create: () => ({ handle: (request, next) => next(request), ...instance }) })();
}

describe('start', () => {
  const log: string[] = [];
  const logging = (name: string, start: () => void | Promise<void> = () => undefined): Plugin =>
    part(name, {
      start: async () => {
        log.push(`start ${name}`);
        await start();
        log.push(`started ${name}`);
      },
      close: () => void log.push(`close ${name}`),
    });

  it('goes in order, one after the other, once', async () => {
    log.length = 0;
    await using test = testPipeline({
      plugins: [logging('a', () => nextTurn()), logging('b')],
      answers: [ok, ok],
    });
    await Promise.all([test.pipeline.start(), test.pipeline.start()]);
    await (await test.post()).text();
    expect(log).toEqual(['start a', 'started a', 'start b', 'started b']);
  });

  it('is done by the first call, and calls wait for it', async () => {
    log.length = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    await using test = testPipeline({ plugins: [logging('slow', () => promise)], answers: [ok, ok] });
    const calls = Promise.all([test.post(), test.post()]);
    await nextTurn();
    expect(test.transport.requests).toHaveLength(0);
    resolve();
    for (const response of await calls) expect(await response.text()).toBe('{}');
    expect(log).toEqual(['start slow', 'started slow']);
  });

  it('that fails is thrown, closes what had begun in reverse, and begins nothing further', async () => {
    log.length = 0;
    const failing = logging('b', () => {
      throw new RangeError('no port');
    });
    await using test = testPipeline({ plugins: [logging('a'), failing, logging('c')] });
    await expect(test.pipeline.start()).rejects.toThrow(new RangeError('no port'));
    expect(log).toEqual(['start a', 'started a', 'start b', 'close b', 'close a']);
    await expect(test.pipeline.start()).rejects.toThrow('no port');
  });

  it('that fails answers calls with 500, says no more of it to the caller, and tells the operator', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    await using test = testPipeline({
      plugins: [part('bad', { start: () => Promise.reject(new Error('no such host')) })],
    });
    const response = await test.post();
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('host');
    expect(test.transport.requests).toEqual([]);
    await nextTurn();
    process.off('warning', onWarning);
    expect(warnings.map(({ message }) => message)).toEqual(['a call failed: no such host']);
  });

  it('that failed does not make close() close a second time what it has closed', async () => {
    log.length = 0;
    const failing = logging('b', () => {
      throw new Error('no');
    });
    const test = testPipeline({ plugins: [logging('a'), failing, logging('c')] });
    await test.pipeline.start().catch(() => undefined);
    await test.pipeline.close();
    expect(log.filter((line) => line.startsWith('close')).toSorted()).toEqual([
      'close a',
      'close b',
      'close c',
    ]);
    expect(test.transport.closed).toBe(true);
  });

  it('that is under way when the pipeline is closed comes to its end first: nothing is left open', async () => {
    log.length = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    const test = testPipeline({ plugins: [logging('slow', () => promise), logging('second')] });
    const starting = test.pipeline.start();
    await nextTurn();
    const closing = test.pipeline.close().then(() => log.push('closed'));
    await nextTurn();
    expect(log).toEqual(['start slow']);
    resolve();
    await closing;
    expect(log.slice(0, 4)).toEqual(['start slow', 'started slow', 'start second', 'started second']);
    expect(log.slice(4)).toEqual(['close second', 'close slow', 'closed']);
    await starting;
    expect(test.transport.closed).toBe(true);
    expect(test.clock.pendingTimers).toBe(0);
  });

  it('that calls wait for goes on while the pipeline is drained', async () => {
    log.length = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    const test = testPipeline({
      plugins: [logging('slow', () => promise), logging('second')],
      answers: [ok],
    });
    const response = test.post();
    await nextTurn();
    const closing = test.pipeline.close();
    await nextTurn();
    resolve();
    expect(await (await response).text()).toBe('{}');
    await closing;
    expect(log.slice(-2)).toEqual(['close second', 'close slow']);
  });

  it('that hangs holds close() up for some seconds, and begins nothing after it', async () => {
    log.length = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    const test = testPipeline({ plugins: [logging('slow', () => promise), logging('second')] });
    const starting = test.pipeline.start().catch((error: unknown) => error);
    await nextTurn();
    const closing = test.pipeline.close();
    await test.clock.advance(5_000);
    await closing;
    expect(log).toEqual(['start slow', 'close second', 'close slow']);
    resolve();
    expect(await starting).toMatchObject({ code: 'shutting_down' });
    expect(log.at(-1)).toBe('started slow');
  }, 2_000);

  it('that fails while the pipeline is closed is thrown to who asked for it alone', async () => {
    log.length = 0;
    const { promise, reject } = Promise.withResolvers<void>();
    const test = testPipeline({ plugins: [logging('failing', () => promise)] });
    const starting = test.pipeline.start().catch((error: unknown) => error);
    await nextTurn();
    const closing = test.pipeline.close();
    reject(new RangeError('no port'));
    await closing;
    expect(await starting).toMatchObject({ message: 'no port' });
    expect(log).toEqual(['start failing', 'close failing']);
  });

  it('after close() is refused, and begins nothing', async () => {
    log.length = 0;
    const test = testPipeline({ plugins: [logging('a')] });
    await test.pipeline.close();
    await expect(test.pipeline.start()).rejects.toMatchObject({ code: 'shutting_down' });
    expect(log).toEqual(['close a']);
  });

  it('starts a service once that two tokens name', async () => {
    log.length = 0;
    const store = { start: () => void log.push('start'), close: () => void log.push('close') };
    const [A, B] = [token<typeof store>('a'), token<typeof store>('b')];
    const using = definePlugin({
      name: 'using',
      needs: { a: A, b: B },
      create: () => ({ handle: (request, next) => next(request) }),
    });
    const test = testPipeline({
      plugins: [using()],
      services: [provide(A, () => store), provide(B, () => store)],
    });
    await test.pipeline.start();
    await test.pipeline.close();
    expect(log).toEqual(['start', 'close']);
  });

  it('that hangs does not keep a caller who leaves, nor a call beyond its time', async () => {
    await using test = testPipeline({
      plugins: [part('hanging', { start: () => never })],
      timeouts: { totalMs: 1_000 },
    });
    const caller = new AbortController();
    const leaving = test.post({}, { signal: caller.signal });
    const waiting = test.post();
    await nextTurn();
    caller.abort(new Error('I leave'));
    await expect(leaving).rejects.toThrow('I leave');
    await test.clock.advance(1_000);
    expect((await waiting).status).toBe(504);
  }, 2_000);
});
