import { hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { besideFile } from '../files/names.ts';
import { type LinesEnd, readLines } from './line-reader.ts';
import { SEQ_HEAD, seqOf } from './chain-reader.ts';
import type { Digest } from '../chain/tree.ts';
import { standsAt } from './compare.ts';

/** Not 0, 1 or 2: what is beside can never pass for a record. */
const DOMAIN = 3;
const DOMAIN_TEXT = String.fromCharCode(DOMAIN);

/** What a record says of what is beside it. */
export function besideHash(text: string): string {
  return hash('sha256', DOMAIN_TEXT + text, 'base64url');
}

/**
 * Is told each line beside a segment: of which record it is (NaN when the line is none), what that record has to say of
 * it, and where it is.
 */
export type BesideVisitor = (seq: number, digest: Digest, offset: number) => void;

/** Reads what is beside a segment, all of its hashes at once: they are a small part of it. */
export async function readBeside(
  directory: string,
  segment: string,
  visit: BesideVisitor,
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
      const seq = seqOf(buffer, start, end);
      if (!Number.isSafeInteger(seq) || !isWritten(buffer, start)) {
        visit(NaN, '', at);
        return undefined;
      }
      // As it was before it got its number: the bytes before the rest are not needed any more.
      const from = buffer.indexOf(COMMA, start) - 1;
      buffer[from] = DOMAIN;
      buffer[from + 1] = BRACE;
      visit(seq, hash('sha256', buffer.subarray(from, end), 'binary'), at);
      return undefined;
    });
  } finally {
    await handle.close();
  }
}

/** Whether a line begins as they are written: a number has no zeros in front. */
function isWritten(buffer: Buffer, start: number): boolean {
  const first = start + SEQ_HEAD.length;
  return standsAt(buffer, start, SEQ_HEAD) && (buffer[first] !== ZERO || buffer[first + 1] === COMMA);
}

const BRACE = 123;
const COMMA = 44;
const ZERO = 48;
