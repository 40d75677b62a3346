import { getEventListeners } from 'node:events';
import { PipelineError } from '@sluice/core';
import { fakeClock } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import { wait } from './wait.ts';

test('waits as long as it is told, and no less', async () => {
  const clock = fakeClock();
  let over = false;
  const waiting = wait(clock, 1_000, new AbortController().signal).then(() => (over = true));

  await clock.advance(999);
  expect(over).toBe(false);
  await clock.advance(1);
  expect(over).toBe(true);
  await waiting;
});

test('rejects at once with the reason of the abort', async () => {
  const clock = fakeClock();
  const { signal, abort } = controlled();
  const reason = new PipelineError('total_timeout');
  const waiting = wait(clock, 60_000, signal);

  abort(reason);
  await expect(waiting).rejects.toBe(reason);
});

test('takes an abort for any other reason for a caller that left', async () => {
  const { signal, abort } = controlled();
  const waiting = wait(fakeClock(), 60_000, signal);

  const reason = new Error('closed the tab');
  abort(reason);
  await expect(waiting).rejects.toMatchObject({ code: 'client_abort', cause: reason });
});

test('does not begin to wait when the signal has aborted before', async () => {
  const clock = fakeClock();
  const { signal, abort } = controlled();
  abort(new PipelineError('shutting_down'));

  const waiting = wait(clock, 60_000, signal);
  expect(clock.pendingTimers).toBe(0);
  await expect(waiting).rejects.toMatchObject({ code: 'shutting_down' });
});

test('leaves neither a timer nor a listener behind', async () => {
  const clock = fakeClock();
  const ended = controlled();
  const waited = wait(clock, 10, ended.signal);
  await clock.advance(10);
  await waited;
  expect(getEventListeners(ended.signal, 'abort')).toEqual([]);

  const aborted = controlled();
  const waiting = wait(clock, 10, aborted.signal);
  aborted.abort(new PipelineError('client_abort'));
  await expect(waiting).rejects.toThrow();
  expect(getEventListeners(aborted.signal, 'abort')).toEqual([]);
  expect(clock.pendingTimers).toBe(0);
});

function controlled(): { readonly signal: AbortSignal; readonly abort: (reason: Error) => void } {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    abort: (reason) => {
      controller.abort(reason);
    },
  };
}
