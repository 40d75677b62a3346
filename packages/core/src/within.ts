import type { Clock } from './clock.ts';

/** Waits for a promise no longer than this, and not beyond the signal's abort. Leaves no timer and no listener behind. */
export function within<T>(
  promise: Promise<T>,
  clock: Clock,
  limitMs: number,
  signal?: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clock.clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    const fail = (error: unknown): void => {
      stop();
      reject(error as Error);
    };
    const onAbort = (): void => {
      fail(signal?.reason);
    };
    const timer = clock.setTimeout(() => {
      fail(new Error(`no answer within ${limitMs} ms`));
    }, limitMs);
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort);
    promise.then((value) => {
      stop();
      resolve(value);
    }, fail);
  });
}
