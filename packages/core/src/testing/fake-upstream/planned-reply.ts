import { STATUS_CODES } from 'node:http';
import type { Dialect } from '../error-body.ts';

/** Response headers in order; a name may occur more than once. */
export type Headers = readonly (readonly [name: string, value: string])[];

/** The answer a well-behaved provider would give. Behaviours send it, or spoil it. */
export interface PlannedReply {
  readonly dialect: Dialect;
  readonly status: number;
  /** All but the framing. */
  readonly headers: Headers;
  /** True: `pieces` are the events of an SSE stream. False: they are one, the whole body. */
  readonly stream: boolean;
  readonly pieces: readonly (string | Uint8Array)[];
  /** Milliseconds between two pieces. */
  readonly intervalMs: number;
}

/** The body in one piece. */
export function wholeBody(reply: PlannedReply): Buffer {
  return Buffer.concat(reply.pieces.map((piece) => Buffer.from(piece)));
}

/** The pieces between which a body can be interrupted: the events of a stream, the quarters of anything else. */
export function interruptible(reply: PlannedReply): readonly (string | Uint8Array)[] {
  if (reply.stream) return reply.pieces;
  const body = wholeBody(reply);
  const quarter = Math.max(1, Math.ceil(body.length / 4));
  return [0, 1, 2, 3].map((n) => body.subarray(n * quarter, (n + 1) * quarter));
}

/** Headers with others laid over them: those of the same name, however written, are replaced. */
export function withHeaders(headers: Headers, over: Readonly<Record<string, string>> = {}): Headers {
  const names = new Set(Object.keys(over).map((name) => name.toLowerCase()));
  return [...headers.filter(([name]) => !names.has(name.toLowerCase())), ...Object.entries(over)];
}

/** A response head as it is on the wire. */
export function rawHead(status: number, headers: Headers): string {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n${lines.join('')}\r\n`;
}
