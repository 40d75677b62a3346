import type { IncomingMessage } from 'node:http';

// What the Messages API accepts.
const MOST_BODY_BYTES = 32 * 2 ** 20;

/** A request's body as far as it came. */
export interface ReadBody {
  readonly body: Buffer;
  /** False: the connection was lost before the end. */
  readonly whole: boolean;
  /** True: it was larger than is kept, and `body` is empty. */
  readonly tooLarge: boolean;
}

/** Reads a request's body to its end, and keeps it if it is of at most 32 MiB. */
export async function readBody(incoming: IncomingMessage): Promise<ReadBody> {
  let chunks: Buffer[] = [];
  let length = 0;
  incoming.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= MOST_BODY_BYTES) chunks.push(chunk);
    else chunks = [];
  });
  // Neither 'error' nor 'aborted' matters beside 'close', which follows each of them, and a body's end.
  incoming.on('error', () => {});
  if (!incoming.closed && !incoming.destroyed) {
    await new Promise((closed) => {
      incoming.once('close', closed);
    });
  }
  const tooLarge = length > MOST_BODY_BYTES;
  return { body: Buffer.concat(chunks), whole: incoming.complete, tooLarge };
}
