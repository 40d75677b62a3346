import { hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { besideFile } from '../files/names.ts';
import { type LinesEnd, readLines } from './line-reader.ts';
import { seqOf } from './chain-reader.ts';

/** Not 0, 1 or 2: what is beside can never pass for a record. */
const DOMAIN = '\u0003';

/** What a record says of what is beside it. */
export function besideHash(text: string): string {
  return hash('sha256', DOMAIN + text, 'base64url');
}

/** One line beside a segment. */
export interface BesideLine {
  /** Of the record it belongs to; NaN when the line is none. */
  readonly seq: number;
  /** As it was hashed. */
  readonly text: string;
  readonly offset: number;
}

/** Reads what is beside a segment, all of its hashes at once: they are a small part of it. */
export async function readBeside(
  directory: string,
  segment: string,
  visit: (line: BesideLine) => void,
): Promise<LinesEnd | undefined> {
  const handle: FileHandle | undefined = await open(join(directory, besideFile(segment)), 'r').catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    },
  );
  if (handle === undefined) return undefined;
  try {
    return await readLines(handle, 0, (buffer, start, end, at) => {
      const told = seqOf(buffer, start, end);
      const head = `{"seq":${told},`;
      const isLine = buffer.toString('latin1', start, start + head.length) === head;
      const text = `{${buffer.toString('utf8', start + head.length, end)}`;
      visit({ seq: isLine ? told : NaN, text, offset: at });
      return undefined;
    });
  } finally {
    await handle.close();
  }
}
