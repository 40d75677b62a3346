import { type Clock, PipelineError } from '@sluice/core';
import { type BodyLimits, refuseNeedless, tooLarge } from './body-limits.ts';

/**
 * The whole body of a web-standard request.
 *
 * @throws PipelineError `body_too_large`, `body_timeout`, `body_already_read`, `invalid_request`, or `client_abort`.
 */
export async function webBody(
  request: Request,
  limits: BodyLimits,
  clock: Clock,
): Promise<Uint8Array<ArrayBuffer> | null> {
  if (Number(request.headers.get('content-length') ?? 0) > limits.maxBodyBytes) throw tooLarge(limits);
  if (request.bodyUsed) {
    throw new PipelineError('body_already_read', {
      cause: new Error('something read the body; pass a clone'),
    });
  }
  if (request.signal.aborted) throw new PipelineError('client_abort', { cause: request.signal.reason });
  if (request.body === null) return null;
  const body = await readAll(request.body.getReader(), request.signal, limits, clock);
  refuseNeedless(request.method, body?.length ?? 0);
  return body;
}

/** A stream that is never heard of again must not hold us up: whoever gives up first, decides. */
function readAll(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  signal: AbortSignal,
  limits: BodyLimits,
  clock: Clock,
): Promise<Uint8Array<ArrayBuffer> | null> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
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
    collect(reader, limits).then(
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
): Promise<Uint8Array<ArrayBuffer> | null> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return length === 0 ? null : Buffer.concat(chunks, length);
    length += value.length;
    if (length > limits.maxBodyBytes) throw tooLarge(limits);
    chunks.push(value);
  }
}
