import type { Exchange } from '../exchange.ts';
import { interruptible, wholeBody, type Headers, type PlannedReply } from '../planned-reply.ts';

type Pieces = readonly (string | Uint8Array)[];

/** Sends a reply as a well-behaved provider does: a stream event by event, anything else with its length. */
export async function sendReply(exchange: Exchange, reply: PlannedReply): Promise<void> {
  if (!reply.stream) {
    await exchange.respond(reply.status, [...reply.headers, ...lengthOf(reply)], wholeBody(reply));
    return;
  }
  await exchange.head(reply.status, reply.headers);
  await sendRest(exchange, reply, reply.pieces);
}

/** How many events come before an interruption by default: those that every dialect needs to get to some content. */
export const EVENTS_TO_CONTENT = 5;

/**
 * Sends the head and the first pieces of a reply, and returns the others; there always are some. Never
 * announces a length, so that the body may end anywhere: it is chunked, or, if `unframed`, ends with the connection.
 */
export async function sendBeginning(
  exchange: Exchange,
  reply: PlannedReply,
  count: number,
  unframed: boolean = false,
): Promise<Pieces> {
  const pieces = interruptible(reply);
  const first = Math.max(0, Math.min(count, pieces.length - 1));
  if (unframed) await exchange.rawHead(reply.status, [...reply.headers, ['connection', 'close']]);
  else await exchange.head(reply.status, reply.headers);
  for (const [index, piece] of pieces.slice(0, first).entries()) {
    if (index > 0) await exchange.wait(reply.intervalMs);
    await (unframed ? exchange.raw(piece) : exchange.send(piece));
  }
  return pieces.slice(first);
}

/** Sends what {@link sendBeginning} has left. */
export async function sendRest(exchange: Exchange, reply: PlannedReply, rest: Pieces): Promise<void> {
  await sendPieces(exchange, reply, rest);
  await exchange.end();
}

/** The `content-length` of a reply, unless it is a stream. */
export function lengthOf(reply: PlannedReply): Headers {
  if (reply.stream) return [];
  const length = reply.pieces.reduce((sum, piece) => sum + Buffer.byteLength(piece), 0);
  return [['content-length', String(length)]];
}

async function sendPieces(exchange: Exchange, reply: PlannedReply, pieces: Pieces): Promise<void> {
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) await exchange.wait(reply.intervalMs);
    await exchange.send(piece);
  }
}
