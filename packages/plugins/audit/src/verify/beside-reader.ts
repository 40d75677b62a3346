import { hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { besideFile } from '../files/names.ts';
import { type LinesEnd, readLines } from './line-reader.ts';
import { seqOf } from './chain-reader.ts';
import type { Digest } from '../chain/tree.ts';
import { standsAt } from './compare.ts';

/** Not 0, 1 or 2: what is beside can never pass for a record. */
const DOMAIN = 3;
const DOMAIN_TEXT = String.fromCharCode(DOMAIN);

/** What a record says of what is beside it. */
export function besideHash(text: string): string {
  return hash('sha256', DOMAIN_TEXT + text, 'base64url');
}

/** One line beside a segment. */
export interface BesideLine {
  /** Of the record it belongs to; NaN when the line is none. */
  readonly seq: number;
  /** What its record has to say of it. */
  readonly digest: Digest;
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
      const head = Buffer.from(`{"seq":${told},`);
      const isLine = standsAt(buffer, start, head);
      // As it was before it got its number: the bytes before the rest are not needed any more.
      const from = start + head.length - 2;
      buffer[from] = DOMAIN;
      buffer[from + 1] = BRACE;
      const digest = hash('sha256', buffer.subarray(from, end), 'binary');
      visit({ seq: isLine ? told : NaN, digest, offset: at });
      return undefined;
    });
  } finally {
    await handle.close();
  }
}

const BRACE = 123;
