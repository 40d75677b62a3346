import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { BodyFacts } from './body-facts.ts';
import type { BodySource } from './body.ts';
import { LazyResponse } from './lazy-response.ts';
import { discard, peekJson } from './peek.ts';
import { Pending } from './pull.ts';

type Piece = string | Error | Promise<string>;

function answer(pieces: Iterable<Piece>, headers: Record<string, string> = {}) {
  const iterator = pieces[Symbol.iterator]();
  const log: unknown[] = [];
  let pending: Pending<string> | undefined;
  const source: BodySource = {
    pull: (wake) => {
      if (pending === undefined) {
        const { value, done } = iterator.next();
        if (done === true) {
          log.push('end');
          return null;
        }
        if (value instanceof Error) throw value;
        if (!(value instanceof Promise)) return Buffer.from(value);
        pending = new Pending(value);
      }
      const text = pending.pull(wake);
      if (text === undefined) return undefined;
      pending = undefined;
      return Buffer.from(text);
    },
    cancel: () => void log.push('cancelled'),
  };
  const response = LazyResponse.from({
    status: 429,
    statusText: '',
    headers,
    body: { bytes: source },
    facts: new BodyFacts(undefined),
  });
  return { response, log };
}

const large = 'x'.repeat(40 * 1024);
const never = new Promise<never>(() => undefined);

describe('peekJson', () => {
  it('reads the JSON of an answer and leaves the answer as it was', async () => {
    const { response } = answer(['{"error":', Promise.resolve('{"code":1}}')]);
    expect(await peekJson(response)).toEqual({ error: { code: 1 } });
    expect(response.bodyUsed).toBe(false);
    expect(await peekJson(response)).toEqual({ error: { code: 1 } });
    expect(await response.text()).toBe('{"error":{"code":1}}');
  });

  it.each([
    ['no JSON', ['<html>'], '<html>'],
    ['nothing', [], ''],
    ['too much', [large, large, large], large + large + large],
  ])('gives up on %s, and loses nothing of it', async (_, pieces, text) => {
    const { response } = answer(pieces);
    expect(await peekJson(response)).toBeUndefined();
    expect(await response.text()).toBe(text);
  });

  it('reads no more than it may', async () => {
    const pieces = [large, large, large, large];
    function* counted(): Generator<string> {
      while (pieces.length > 0) yield pieces.pop() as string;
    }
    const { response, log } = answer(counted());
    await peekJson(response);
    expect(pieces).toHaveLength(2);
    expect(log).toEqual([]);
    const told = answer([large], { 'content-length': '70000' });
    expect(await peekJson(told.response)).toBeUndefined();
    expect(await told.response.text()).toBe(large);
  });

  it('leaves the failure of a cut body to whoever reads it', async () => {
    const { response } = answer(['{"error"', new RangeError('reset')]);
    expect(await peekJson(response)).toBeUndefined();
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('{"error"');
    await expect(reader.read()).rejects.toThrow('reset');
  });

  it('passes a cancellation on', async () => {
    const { response, log } = answer(['{}', '']);
    await peekJson(response);
    await response.body?.cancel();
    expect(log).toEqual(['end', 'cancelled']);
  });

  it('knows nothing of an answer without a body, or of one made elsewhere', async () => {
    const empty = LazyResponse.from({
      status: 429,
      statusText: '',
      headers: {},
      body: null,
      facts: new BodyFacts(undefined),
    });
    expect(await peekJson(empty)).toBeUndefined();
    expect(empty.bodyUsed).toBe(false);
    const native = new Response('{}');
    expect(await peekJson(native)).toBeUndefined();
    expect(await native.text()).toBe('{}');
  });
});

describe('discard', () => {
  it('reads a small body off that is there already, which keeps the connection', async () => {
    for (const pieces of [['{}'], [], ['a', Promise.resolve('b'), nextTurn('c')]]) {
      const { response, log } = answer(pieces);
      await discard(response);
      expect(log).toEqual(['end']);
    }
  });

  it('cancels a body that is large, that breaks or that is still being written', async () => {
    for (const pieces of [[large, large, large], [new Error('reset')], ['a', never]]) {
      const { response, log } = answer(pieces);
      await discard(response);
      expect(log).toEqual(['cancelled']);
    }
  });

  it('causes no unhandled rejection when a body breaks after it was given up', async () => {
    const { promise, reject } = Promise.withResolvers<string>();
    await discard(answer([promise]).response);
    reject(new Error('reset'));
    await nextTurn();
  });

  it('leaves a body alone that was read, and takes one made elsewhere', async () => {
    const { response, log } = answer(['{}']);
    await response.text();
    await discard(response);
    expect(log).toEqual(['end']);
    await discard(new Response('x'));
    await discard(new Response(null));
    const locked = new Response('x');
    locked.body?.getReader();
    await discard(locked);
  });
});
