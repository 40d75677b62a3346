import type { Clock } from '@sluice/core';

/** What did not come in time. It may still come. */
export class TooLate extends Error {
  override readonly name = 'TooLate';
}

/** The promise's value, or a {@link TooLate} after some time. What comes later is dropped. */
export function within<T>(promise: Promise<T>, clock: Clock, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (): void => {
      reject(new TooLate(`no answer within ${timeoutMs} ms`));
    };
    // After a pause of the whole process timers run first, with the answer already there and not yet read: it gets one
    // more turn.
    let timer = clock.setTimeout(() => {
      timer = clock.setTimeout(late, 1);
    }, timeoutMs);
    promise.then(
      (value) => {
        clock.clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clock.clearTimeout(timer);
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}
