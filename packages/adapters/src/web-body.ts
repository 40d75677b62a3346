import { type Clock, PipelineError } from '@sluice/core';
import type { HeldBytes } from './body-budget.ts';
import { type BodyLimits, refuseNeedless, tooLarge } from './body-limits.ts';

/**
 * The whole body of a web-standard request.
 *
 * @throws PipelineError `body_too_large`, `overloaded`, `body_timeout`, `body_already_read`, `invalid_request`, or
 *   `client_abort`.
 */
export async function webBody(
  request: Request,
  limits: BodyLimits,
  clock: Clock,
): Promise<Uint8Array<ArrayBuffer> | null> {
  // Nobody has checked it: not a number counts as none.
  const announced = Number(request.headers.get('content-length')) || 0;
  if (announced > limits.maxBodyBytes) throw tooLarge(limits);
  if (request.bodyUsed) {
    throw new PipelineError('body_already_read', {
      cause: new Error('something read the body; pass a clone'),
    });
  }
  if (request.signal.aborted) throw new PipelineError('client_abort', { cause: request.signal.reason });
  if (request.body === null) return null;
  const reader = request.body.getReader();
  const body = await readAll(reader, request.signal, limits, limits.budget.hold(), clock);
  refuseNeedless(request.method, body?.length ?? 0);
  return body;
}

/** A stream that is never heard of again must not hold us up: whoever gives up first, decides. */
function readAll(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  signal: AbortSignal,
  limits: BodyLimits,
  held: HeldBytes,
  clock: Clock,
): Promise<Uint8Array<ArrayBuffer> | null> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      held.release();
      clock.clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    };
    const giveUp = (error: PipelineError): void => {
      done();
      reject(error);
      // Rejects when the stream is broken already.
      reader.cancel(error).catch(() => undefined);
    };
    const onAbort = (): void => {
      giveUp(new PipelineError('client_abort', { cause: signal.reason }));
    };
    const timer = clock.setTimeout(() => {
      giveUp(new PipelineError('body_timeout'));
    }, limits.bodyTimeoutMs);
    signal.addEventListener('abort', onAbort);
    collect(reader, limits, held).then(
      (body) => {
        done();
        resolve(body);
      },
      (error: unknown) => {
        giveUp(PipelineError.is(error) ? error : new PipelineError('client_abort', { cause: error }));
      },
    );
  });
}

async function collect(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  limits: BodyLimits,
  held: HeldBytes,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return length === 0 ? null : Buffer.concat(chunks, length);
    length += value.length;
    if (length > limits.maxBodyBytes) throw tooLarge(limits);
    held.growTo(length);
    chunks.push(value);
  }
}
