import type { Clock } from '@sluice/core';

/** What did not come in time. It may still come. */
export class TooLate extends Error {
  override readonly name = 'TooLate';
}

/** The promise's value, or a {@link TooLate} after some time. What comes later is dropped. */
export function within<T>(promise: Promise<T>, clock: Clock, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => {
      reject(new TooLate(`TIMEOUT no answer within ${timeoutMs} ms`));
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
