import { hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { besideFile } from '../files/names.ts';
import { readLines } from './line-reader.ts';
import { seqOf } from './chain-reader.ts';

/** Not 0, 1 or 2: what is beside can never pass for a record. */
const DOMAIN = '\u0003';

/** What a record says of what is beside it. */
export function besideHash(text: string): string {
  return hash('sha256', DOMAIN + text, 'base64url');
}

/** One line beside a segment. */
export interface BesideLine {
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
): Promise<{ readonly bytes: number; readonly torn: number } | undefined> {
  const handle: FileHandle | undefined = await open(join(directory, besideFile(segment)), 'r').catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    },
  );
  if (handle === undefined) return undefined;
  try {
    const { offset, torn } = await readLines(handle, 0, (buffer, start, end, at) => {
      const seq = seqOf(buffer, start, end);
      const comma = buffer.indexOf(COMMA, start);
      const text = `{${buffer.toString('utf8', comma + 1, end)}`;
      visit({ seq, text, offset: at });
      return undefined;
    });
    return { bytes: offset + torn, torn };
  } finally {
    await handle.close();
  }
}

const COMMA = 44;
