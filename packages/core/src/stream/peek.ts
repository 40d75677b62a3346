import { setImmediate as nextTurn } from 'node:timers/promises';
import { PipelineError } from '../errors.ts';
import { HeldSource } from './held-source.ts';
import { bodySource, LazyResponse, takeSource } from './lazy-response.ts';
import { readFrom } from './pull.ts';

/** Error bodies are small; what is larger is an HTML page or an attack. */
const MAX_PEEK_BYTES = 64 * 1024;

/**
 * Reads the JSON body of an error response and puts the same bytes back, so that a plugin can tell a spent budget from
 * a short throttle. Undefined when it is no JSON, longer than 64 KiB or cut.
 */
export async function peekJson(response: Response): Promise<unknown> {
  const peeked = await peekBytes(response, MAX_PEEK_BYTES);
  if (peeked?.end !== 'whole') return undefined;
  try {
    return JSON.parse(peeked.bytes.toString()) as unknown;
  } catch {
    return undefined;
  }
}

/** The beginning of a body, and how it ended: `more` is there than was asked for, or it was `cut`. */
export interface Peeked {
  readonly bytes: Buffer;
  readonly end: 'whole' | 'cut' | 'more';
}

/** Reads a body up to about `maxBytes` and puts the same bytes back. Undefined for a foreign response. */
export async function peekBytes(response: Response, maxBytes: number): Promise<Peeked | undefined> {
  if (!LazyResponse.is(response)) return undefined;
  if (Number(LazyResponse.header(response, 'content-length') ?? 0) > maxBytes) {
    return { bytes: Buffer.alloc(0), end: 'more' };
  }
  const body = LazyResponse.takeBody(response);
  if (body === null) {
    LazyResponse.putBody(response, null);
    return { bytes: Buffer.alloc(0), end: 'whole' };
  }
  const source = bodySource(body, LazyResponse.factsOf(response));
  const chunks: Uint8Array[] = [];
  let end: Peeked['end'] = 'more';
  let failure: { readonly error: unknown } | undefined;
  try {
    for (let length = 0; length <= maxBytes;) {
      const chunk = await readFrom(source);
      if (chunk === null) {
        end = 'whole';
        break;
      }
      chunks.push(chunk);
      length += chunk.length;
    }
  } catch (error) {
    failure = { error };
    end = 'cut';
  }
  LazyResponse.putBody(response, { bytes: new HeldSource([...chunks], source, failure) });
  return { bytes: Buffer.concat(chunks), end };
}

/**
 * Gives a response up that will not be handed on. A small body that has arrived already is read off, which keeps the
 * connection; anything else is cancelled. An unread body would block its connection for ever.
 */
export async function discard(response: Response): Promise<void> {
  // A body that somebody holds is theirs to give up.
  if (response.bodyUsed || (!LazyResponse.is(response) && response.body?.locked === true)) return;
  const source = takeSource(response);
  let length = 0;
  try {
    while (length <= MAX_PEEK_BYTES) {
      const next = readFrom(source);
      // One turn for what is in the socket already; a body that is still being written is not waited for.
      const chunk = next instanceof Promise ? await Promise.race([next, nextTurn('late' as const)]) : next;
      if (chunk === null) return;
      if (chunk === 'late') {
        (next as Promise<unknown>).catch(() => undefined);
        break;
      }
      length += chunk.length;
    }
  } catch {
    // It is being thrown away: how it ends does not matter.
  }
  source.cancel(new PipelineError('stream_cut'));
}
