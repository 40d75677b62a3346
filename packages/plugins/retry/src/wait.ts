import { type Clock, PipelineError } from '@sluice/core';

/** Waits, or rejects at once with the signal's reason when it aborts. Leaves no timer and no listener behind. */
export function wait(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(abortReason(signal));
      return;
    }
    const onAbort = (): void => {
      clock.clearTimeout(timer);
      reject(abortReason(signal));
    };
    const timer = clock.setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, delayMs);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

function abortReason({ reason }: AbortSignal): PipelineError {
  return PipelineError.is(reason) ? reason : new PipelineError('client_abort', { cause: reason });
}
