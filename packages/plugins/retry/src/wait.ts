import { type Clock, PipelineError } from '@sluice/core';

/** Waits, or rejects at once with the signal's reason when it aborts. Leaves no timer and no listener behind. */
export function wait(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clock.clearTimeout(timer);
      reject(PipelineError.is(signal.reason) ? signal.reason : new PipelineError('client_abort'));
    };
    const timer = clock.setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, delayMs);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
