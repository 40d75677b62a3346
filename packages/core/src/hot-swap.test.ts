import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { hotSwap } from './hot-swap.ts';
import { definePlugin, type Plugin, type PluginInstance } from './plugin.ts';
import { anthropicStream } from './testing/anthropic-wire.ts';
import { type ScriptedAnswer } from './testing/scripted-transport.ts';
import { streamAnswer } from './testing/stream-answer.ts';
import { testPipeline } from './testing/test-pipeline.ts';

const answering = (name: string) => (): Response => new Response(name, { status: 404 });
const part = (instance: Partial<PluginInstance>): Plugin =>
  definePlugin({ name: 'part', create: () => ({ handle: (request, next) => next(request), ...instance }) })();
const made = (
  name: string,
  answers: readonly ScriptedAnswer[] = [answering(name)],
  instance: Partial<PluginInstance> = {},
) => testPipeline({ plugins: [part(instance)], answers, upstream: `https://${name}.test` });
const url = 'https://x.test/v1/messages';

describe('a swap', () => {
  it('sends new calls to the new pipeline; calls in progress finish on the old, which is closed then', async () => {
    const events = anthropicStream();
    const rest = Promise.withResolvers<string>();
    const log: string[] = [];
    const old = made('old', [streamAnswer([events[0] as string, rest.promise])], {
      close: () => void log.push('old closed'),
    });
    const next = made('next', [answering('next')], { start: () => void log.push('next started') });
    await using swappable = hotSwap(old.pipeline);
    const { fetch } = swappable;
    const streaming = await fetch(url, { method: 'POST', body: '{"stream":true}' });
    const swapping = swappable.swap(next.pipeline).then(() => log.push('swapped'));
    await nextTurn();
    expect(await (await fetch(url)).text()).toBe('next');
    expect(log).toEqual(['next started']);
    rest.resolve(events.slice(1).join(''));
    expect(await streaming.text()).toBe(events.join(''));
    await swapping;
    expect(log).toEqual(['next started', 'old closed', 'swapped']);
    expect([old.transport.closed, next.transport.closed]).toEqual([true, false]);
    expect(swappable.describe().upstream).toBe('https://next.test');
    expect(swappable.clock).toBe(next.clock);
  });

  it('to a pipeline that does not start is thrown back, and the old one stays', async () => {
    const old = made('old', [answering('old')]);
    const next = made('next', [], { start: () => Promise.reject(new Error('no port')) });
    await using swappable = hotSwap(old.pipeline);
    await expect(swappable.swap(next.pipeline)).rejects.toThrow('no port');
    expect(await (await swappable.fetch(url)).text()).toBe('old');
    expect(old.transport.closed).toBe(false);
  });

  it('aborts what the old pipeline has not done in time', async () => {
    const old = made('old', [() => new Promise(() => undefined)]);
    await using swappable = hotSwap(old.pipeline);
    const stuck = swappable.fetch(url);
    const swapping = swappable.swap(made('next').pipeline, 1_000);
    await old.clock.advance(1_000);
    expect((await stuck).status).toBe(503);
    await swapping;
  });

  it('loses no call although many come while pipelines are swapped', async () => {
    const swappable = hotSwap(made('first', Array(100).fill(answering('any'))).pipeline);
    const calls: Promise<string>[] = [];
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 5; i++) calls.push(swappable.fetch(url).then((response) => response.text()));
      const swapping = swappable.swap(
        made(`n${round}`, Array(100).fill(answering('any')), { start: () => nextTurn() }).pipeline,
      );
      for (let i = 0; i < 5; i++) calls.push(swappable.fetch(url).then((response) => response.text()));
      await swapping;
    }
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['any']));
    await swappable.close();
  });

  it('asked for last wins, however long the others take to start; each of those is closed', async () => {
    const slow = Promise.withResolvers<void>();
    const [first, second, third] = [
      made('first'),
      made('second', undefined, { start: () => slow.promise }),
      made('third', undefined, { start: () => nextTurn() }),
    ];
    await using swappable = hotSwap(first.pipeline);
    const overtaken = swappable.swap(second.pipeline);
    await swappable.swap(third.pipeline);
    // Nobody waits for the one that is slow.
    expect(swappable.describe().upstream).toBe('https://third.test');
    slow.resolve();
    await overtaken;
    expect(swappable.describe().upstream).toBe('https://third.test');
    expect([first, second, third].map(({ transport }) => transport.closed)).toEqual([true, true, false]);
  });

  it('back to the old pipeline wins over one that is still starting', async () => {
    const slow = Promise.withResolvers<void>();
    const [old, next] = [made('old'), made('next', undefined, { start: () => slow.promise })];
    await using swappable = hotSwap(old.pipeline);
    const overtaken = swappable.swap(next.pipeline);
    await swappable.swap(old.pipeline);
    slow.resolve();
    await overtaken;
    expect(swappable.describe().upstream).toBe('https://old.test');
    expect([old, next].map(({ transport }) => transport.closed)).toEqual([false, true]);
  });

  it('that does not start gives way to one that was asked for before', async () => {
    const slow = Promise.withResolvers<void>();
    const [first, second] = [made('first'), made('second', undefined, { start: () => slow.promise })];
    const bad = made('bad', [], { start: () => Promise.reject(new Error('no port')) });
    await using swappable = hotSwap(first.pipeline);
    const swapping = swappable.swap(second.pipeline);
    await expect(swappable.swap(bad.pipeline)).rejects.toThrow('no port');
    slow.resolve();
    await swapping;
    expect(swappable.describe().upstream).toBe('https://second.test');
  });

  it('that the end overtakes leaves nothing open', async () => {
    const slow = Promise.withResolvers<void>();
    const [old, next] = [made('old'), made('next', undefined, { start: () => slow.promise })];
    const swappable = hotSwap(old.pipeline);
    const overtaken = swappable.swap(next.pipeline);
    await swappable.close();
    slow.resolve();
    await overtaken;
    expect([old, next].map(({ transport }) => transport.closed)).toEqual([true, true]);
    expect((await swappable.fetch(url)).status).toBe(503);
  });

  it('that still drains is waited for at the end, for no longer than the end may take', async () => {
    const log: string[] = [];
    const closing = { close: () => void log.push('old closed') };
    const old = made('old', [() => new Promise(() => undefined)], closing);
    const swappable = hotSwap(old.pipeline);
    const stuck = swappable.fetch(url);
    const swapping = swappable.swap(made('next').pipeline, 20_000);
    await nextTurn();
    const closed = swappable.close(1_000).then(() => log.push('closed'));
    await old.clock.advance(999);
    expect(log).toEqual([]);
    await old.clock.advance(1);
    expect((await stuck).status).toBe(503);
    await Promise.all([swapping, closed]);
    expect(log).toEqual(['old closed', 'closed']);
  });

  it('that does not close properly is told to the swap, and does not fail the end', async () => {
    const slow = Promise.withResolvers<void>();
    const bad = made('old', [], { close: () => slow.promise });
    const swappable = hotSwap(bad.pipeline);
    const swapping = swappable.swap(made('next').pipeline);
    await nextTurn();
    const closed = swappable.close();
    slow.reject(new Error('no'));
    await expect(swapping).rejects.toThrow('did not close properly');
    await closed;
  });

  it('is part of a drain as long as calls are on the old pipeline', async () => {
    const old = made('old', [() => new Promise(() => undefined)]);
    await using swappable = hotSwap(old.pipeline);
    const stuck = swappable.fetch(url);
    const swapping = swappable.swap(made('next').pipeline, 20_000);
    await nextTurn();
    const drained = swappable.drain(1_000);
    await old.clock.advance(1_000);
    expect((await stuck).status).toBe(503);
    await Promise.all([drained, swapping]);
  });

  it('to the same pipeline twice leaves it open', async () => {
    const [old, next] = [made('old'), made('next', undefined, { start: () => nextTurn() })];
    await using swappable = hotSwap(old.pipeline);
    await Promise.all([swappable.swap(next.pipeline), swappable.swap(next.pipeline)]);
    expect([old, next].map(({ transport }) => transport.closed)).toEqual([true, false]);
  });

  it('to itself changes nothing', async () => {
    const only = made('only');
    const swappable = hotSwap(only.pipeline);
    await swappable.swap(only.pipeline);
    expect(await (await swappable.fetch(url)).text()).toBe('only');
    await swappable.close();
    expect(only.transport.closed).toBe(true);
  });
});

it('starts, drains, refuses and describes the pipeline of the moment', async () => {
  const log: string[] = [];
  const only = made('only', [], { start: () => void log.push('start'), close: () => void log.push('close') });
  const swappable = hotSwap(only.pipeline);
  await swappable.start();
  await swappable.drain();
  expect((await swappable.fetch(url)).status).toBe(503);
  await swappable[Symbol.asyncDispose]();
  expect(log).toEqual(['start', 'close']);
});
