import type { AuditSink } from './sink.ts';

/** What a function sink is given. */
export interface AuditLines {
  /** Records as they are in the chain, one line of JSON each, without line feeds. */
  readonly lines: readonly string[];
  /** Sequence number of the first. */
  readonly first: number;
}

/**
 * Hands sealed records to a function: a queue, a SIEM, another log. What it rejects is tried again, with the same
 * records; while it is at work nothing further comes. Salts and content stay out.
 *
 * @param name For alerts.
 */
export function functionSink(
  send: (records: AuditLines) => void | Promise<void>,
  name = 'function',
): AuditSink {
  return {
    name,
    write: async ({ lines, first }) => {
      const text = Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength).toString('utf8');
      await send({ lines: text.slice(0, -1).split('\n'), first });
    },
  };
}
