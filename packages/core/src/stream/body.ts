import type { PipelineError } from '../errors.ts';
import { Pending, readFrom, type Wake } from './pull.ts';

/**
 * A body that is read by pulling: nothing is fetched until somebody asks, so a slow reader stops the upstream. No
 * promises: a stream passes half a dozen of these with every event, and each promise would cost more than the rest.
 */
export interface BodySource {
  /**
   * The next bytes, null at the proper end, or undefined when there are none yet: then `wake` is called when it is
   * worth asking again. It may be called once too often, and is never called from within `pull`. It must not throw.
   * Throws when the body is cut.
   */
  pull(wake: Wake): Uint8Array | null | undefined;
  /** Gives the rest up and frees what is behind it. Harmless after the end. */
  cancel(reason: unknown): void;
  /** Why a plugin ended the body early, with a legal ending, once one has. Whoever wraps a source passes it on. */
  readonly terminated?: PipelineError | undefined;
}

/** A body that is in memory already. */
export function bytesSource(bytes: Uint8Array): BodySource {
  let next: Uint8Array | null = bytes.length > 0 ? bytes : null;
  return {
    pull: () => {
      const chunk = next;
      next = null;
      return chunk;
    },
    cancel: () => {
      next = null;
    },
  };
}

/** A web stream as a source. */
export function streamSource(stream: ReadableStream<Uint8Array>): BodySource {
  const reader = stream.getReader();
  let pending: Pending<Awaited<ReturnType<typeof reader.read>>> | undefined;
  return {
    pull: (wake) => {
      pending ??= new Pending(reader.read());
      const result = pending.pull(wake);
      if (result === undefined) return undefined;
      pending = undefined;
      return result.done ? null : result.value;
    },
    cancel: (reason) => {
      // A stream that is already broken rejects here; its reader has been told already.
      reader.cancel(reason).catch(() => undefined);
    },
  };
}

/** A source as a web stream that pulls only when it is read. */
export function sourceStream(source: BodySource): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = await readFrom(source);
        if (chunk === null) controller.close();
        else controller.enqueue(chunk);
      },
      cancel: (reason) => {
        source.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

/**
 * Reads a source to its end.
 *
 * @param maxBytes Reading more throws `tooLarge()` and cancels the source.
 */
export async function readAll(
  source: BodySource,
  maxBytes: number,
  tooLarge: () => Error,
): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const next = readFrom(source);
    const chunk = next instanceof Promise ? await next : next;
    if (chunk === null) break;
    length += chunk.length;
    if (length > maxBytes) {
      const error = tooLarge();
      source.cancel(error);
      throw error;
    }
    chunks.push(chunk);
  }
  const [only] = chunks;
  if (chunks.length === 1 && only) {
    return Buffer.from(only.buffer as ArrayBuffer, only.byteOffset, only.byteLength);
  }
  return Buffer.concat(chunks, length);
}
