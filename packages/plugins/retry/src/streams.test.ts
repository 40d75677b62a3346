import { anthropicStream, errorEvent, streamAnswer } from '@sluice/core/testing';
import { describe, expect, test } from 'vitest';
import { afterAllWaits, DIALECT, RESET, retrying, SILENCE } from './testing/retrying.ts';

describe('a stream', () => {
  const events = anthropicStream({ text: 'One two three' });
  const preamble = events.slice(0, 1);
  const begun = events.slice(0, 4);

  test('that reports an error before its first content is tried again', async () => {
    const overloaded = streamAnswer([...preamble, errorEvent(DIALECT, 529)]);
    await using pipe = retrying([overloaded, streamAnswer(events)]);
    const response = await afterAllWaits(pipe, pipe.post({ stream: true }));
    expect(await response.text()).toBe(events.join(''));
    expect(pipe.outcomes).toMatchObject([{ kind: 'completed', attempts: 2 }]);
  });

  test('that goes on reporting it ends as the plain error that it is', async () => {
    const overloaded = streamAnswer([errorEvent(DIALECT, 529)]);
    await using pipe = retrying([overloaded, overloaded, overloaded]);
    const response = await afterAllWaits(pipe, pipe.post({ stream: true }));
    expect(response.status).toBe(529);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(await response.json()).toMatchObject({ type: 'error', error: { type: 'overloaded_error' } });
  });

  test.each<[string, readonly (string | Error)[]]>([
    ['is reset', [...preamble, RESET]],
    ['ends', preamble],
    ['has nothing', []],
  ])('that %s before its first content is tried again', async (_, pieces) => {
    await using pipe = retrying([streamAnswer(pieces), streamAnswer(events)]);
    const response = await afterAllWaits(pipe, pipe.post({ stream: true }));
    expect(await response.text()).toBe(events.join(''));
    expect(pipe.outcomes).toMatchObject([{ kind: 'completed', attempts: 2 }]);
  });

  test.each<[string, readonly (string | Error)[], string]>([
    ['is reset', [...begun, RESET], 'stream_cut'],
    ['ends', begun, 'stream_cut'],
    ['reports an error', [...begun, errorEvent(DIALECT, 529)], 'stream_error'],
  ])('that %s after its first content is never tried again', async (_, pieces, code) => {
    await using pipe = retrying([streamAnswer(pieces), streamAnswer(events)]);
    const response = await pipe.post({ stream: true });
    const text = await response.text();
    expect(text.startsWith(begun.join(''))).toBe(true);
    expect(text).toMatch(/\nevent: error\ndata: .*\n\n$/);
    expect(pipe.transport.requests).toHaveLength(1);
    expect(pipe.outcomes).toMatchObject([
      { kind: 'upstream-error', status: 200, attempts: 1, cause: { code } },
    ]);
  });

  test('is held back until its first content, and then leaves as it came', async () => {
    let arrive: (piece: string) => void = () => undefined;
    const content = new Promise<string>((resolve) => (arrive = resolve));
    await using pipe = retrying([streamAnswer([...preamble, content, ...events.slice(2)])]);
    let answered = false;
    const pending = pipe.post({ stream: true });
    void pending.then(() => (answered = true));

    await pipe.clock.advance(59_999);
    expect(answered).toBe(false);
    arrive(events[1] as string);
    expect(await (await pending).text()).toBe(events.join(''));
  });

  test.each([
    ['commitHoldMs', { commitHoldMs: 5_000 }],
    ['retryWithinMs', { retryWithinMs: 5_000 }],
  ])('that keeps silent is let go after %s, and is committed from then on', async (_, options) => {
    let arrive: (piece: Error) => void = () => undefined;
    const late = new Promise<Error>((resolve) => (arrive = resolve));
    await using pipe = retrying([streamAnswer([...preamble, late]), streamAnswer(events)], options);
    const pending = pipe.post({ stream: true });
    await pipe.clock.advance(5_000);
    const response = await pending;
    expect(response.status).toBe(200);

    arrive(RESET);
    expect(await response.text()).toMatch(/^event: message_start\n[^]*\nevent: error\n/);
    expect(pipe.transport.requests).toHaveLength(1);
  });

  test('ends when its caller leaves while it is held back', async () => {
    let cancelled = false;
    const stalled = streamAnswer([...preamble, SILENCE], { onCancel: () => (cancelled = true) });
    await using pipe = retrying([stalled]);
    const caller = new AbortController();
    const pending = pipe.post({ stream: true }, { signal: caller.signal });
    await pipe.clock.advance(10);
    caller.abort();
    await expect(pending).rejects.toThrow('aborted');
    expect(cancelled).toBe(true);
    expect(pipe.clock.pendingTimers).toBe(0);
  });
});
