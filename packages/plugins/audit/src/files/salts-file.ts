import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { saltOf } from '../chain/salts.ts';
import { saltsFile } from './names.ts';

/** Salts of the records of one segment. */
export interface Salts {
  /** The salt of a record; undefined when it was erased. */
  of(seq: number): string | undefined;
}

/** What stands in a segment's salts file as long as nothing was erased. */
export function keyText(key: string): string {
  return `{"key":"${key}"}\n`;
}

/** What takes the key's place when some salts have to go: those of the other records, a line each. */
export function saltText(seq: number, salt: string): string {
  return `{"seq":${seq},"salt":"${salt}"}\n`;
}

/** What the chain says of a salts file. Not 0 to 5: it can never pass for anything else that is hashed. */
export function saltsDigest(bytes: Uint8Array): string {
  return hash('sha256', Buffer.concat([Buffer.from([6]), bytes]), 'base64url');
}

/** The bytes of a segment's salts file; undefined when there is none. */
export async function saltsBytes(directory: string, segment: string): Promise<Buffer | undefined> {
  return readFile(join(directory, saltsFile(segment))).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

/** The salts of a segment; undefined when there are none left. */
export async function readSalts(directory: string, segment: string): Promise<Salts | undefined> {
  const bytes = await saltsBytes(directory, segment);
  if (bytes === undefined || bytes.length === 0) return undefined;
  const lines = bytes.toString('latin1').split('\n').slice(0, -1);
  const key = /^\{"key":"([\w-]{43})"\}$/.exec(lines[0] ?? '')?.[1];
  if (key !== undefined) return { of: (seq) => saltOf(key, seq) };
  const salts = new Map<number, string>();
  for (const line of lines) {
    const [, seq, salt] = /^\{"seq":(\d+),"salt":"([\w-]{22})"\}$/.exec(line) ?? [];
    if (salt !== undefined) salts.set(Number(seq), salt);
  }
  return { of: (seq) => salts.get(seq) };
}
