import { PipelineError } from '../errors.ts';
import { bytesSource, readAll } from './body.ts';
import { bodySource, LazyResponse, takeSource } from './lazy-response.ts';

/** Error bodies are small; what is larger is an HTML page or an attack. */
const MAX_PEEK_BYTES = 64 * 1024;

/**
 * Reads the JSON body of an error response and puts the same bytes back, so that a plugin can tell a spent budget from
 * a short throttle. Undefined when it is no JSON or longer than 64 KiB (then the rest of the body is lost).
 */
export async function peekJson(response: Response): Promise<unknown> {
  if (!LazyResponse.is(response) || Number(LazyResponse.header(response, 'content-length') ?? 0) > MAX_PEEK_BYTES) {
    return undefined;
  }
  const body = LazyResponse.takeBody(response);
  if (body === null) {
    LazyResponse.putBody(response, null);
    return undefined;
  }
  const bytes = await readAll(bodySource(body), MAX_PEEK_BYTES, () => new PipelineError('answer_too_large'));
  LazyResponse.putBody(response, { bytes: bytesSource(bytes) });
  try {
    return JSON.parse(bytes.toString()) as unknown;
  } catch {
    return undefined;
  }
}

/**
 * Gives a response up that will not be handed on. A small body that has arrived already is read off, which keeps the
 * connection; anything else is cancelled. An unread body would block its connection for ever.
 */
export async function discard(response: Response): Promise<void> {
  if (response.bodyUsed) return;
  const source = takeSource(response);
  let length = 0;
  try {
    for (;;) {
      const chunk = await source.read();
      if (chunk === null) return;
      length += chunk.length;
      if (length > MAX_PEEK_BYTES) break;
    }
  } catch {
    // It is being thrown away: how it ends does not matter.
  }
  source.cancel(new PipelineError('stream_cut'));
}
