import {
  type BodySource,
  type Clock,
  isEventStream,
  PipelineError,
  readFrom,
  takeSource,
} from '@sluice/core';
import { outboundHeaders } from './outbound-headers.ts';

/** HTTP allows them no body, and `Response` therefore refuses one. */
const BODYLESS = new Set([204, 205, 304]);

/**
 * The answer as a `Response` of the runtime's own: frameworks ask for its inner slots. Nothing is read ahead of the
 * reader, and a body that is cut makes the stream fail.
 *
 * @param stallMs How long the body may go unread before the upstream is let go.
 */
export function webResponse(response: Response, method: string, clock: Clock, stallMs: number): Response {
  const { status } = response;
  const headers = new Headers();
  for (const [name, value] of Object.entries(outboundHeaders(response, isEventStream(response)))) {
    for (const one of Array.isArray(value) ? value : [value]) headers.append(name, one);
  }
  const source = takeSource(response);
  if (BODYLESS.has(status) || method === 'HEAD') {
    source.cancel(undefined);
    return new Response(null, { status, headers });
  }
  return new Response(pulled(source, clock, stallMs), { status, headers });
}

/** A stream over a source, which gives the source up when nobody reads on. */
function pulled(source: BodySource, clock: Clock, stallMs: number): ReadableStream<Uint8Array> {
  let timer: unknown;
  const wait = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    timer = clock.setTimeout(() => {
      const reason = new PipelineError('client_abort', { cause: new Error('nobody reads the answer') });
      source.cancel(reason);
      controller.error(reason);
    }, stallMs);
  };
  return new ReadableStream<Uint8Array>(
    {
      start: wait,
      async pull(controller) {
        clock.clearTimeout(timer);
        const chunk = await readFrom(source);
        if (chunk === null) {
          controller.close();
          return;
        }
        controller.enqueue(chunk);
        wait(controller);
      },
      cancel(reason) {
        clock.clearTimeout(timer);
        source.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
