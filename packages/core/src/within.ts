import { listenToAbort, stopListening } from './abort-listeners.ts';
import type { Clock } from './clock.ts';

/** What did not come in time. It may still come. */
export class TooLate extends Error {
  /** Tells it from other errors in logs. */
  override readonly name = 'TooLate';
}

/**
 * Waits for a promise no longer than this, and not beyond the signal's abort. Leaves no timer and no listener behind; what
 * comes later is dropped.
 *
 * @throws TooLate When the time is up; else what the promise was rejected with, or the signal's reason.
 */
export function within<T>(
  promise: Promise<T>,
  clock: Clock,
  limitMs: number,
  signal?: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clock.clearTimeout(timer);
      if (signal !== undefined) stopListening(signal, onAbort);
    };
    const fail = (error: unknown): void => {
      stop();
      reject(error as Error);
    };
    const onAbort = (): void => {
      fail(signal?.reason);
    };
    // After a pause of the whole process timers run first, with the answer already there and not yet read: it gets one
    // more turn.
    let timer = clock.setTimeout(() => {
      timer = clock.setTimeout(() => {
        fail(new TooLate(`no answer within ${limitMs} ms`));
      }, 1);
    }, limitMs);
    if (signal?.aborted === true) onAbort();
    else if (signal !== undefined) listenToAbort(signal, onAbort);
    promise.then((value) => {
      stop();
      resolve(value);
    }, fail);
  });
}
