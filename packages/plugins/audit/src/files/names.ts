import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** One file of a log. */
export interface SegmentName {
  /** Counts the files of a log, from 1. */
  readonly ordinal: number;
  /** File name of the records. */
  readonly file: string;
}

/** The file name of a segment. */
export function segmentFile(log: string, ordinal: number): string {
  return `${log}.${String(ordinal).padStart(6, '0')}.jsonl`;
}

/** The file with the content that belongs to a segment. */
export function besideFile(file: string): string {
  return file.replace(/\.jsonl$/, '.beside.jsonl');
}

/** The file with what the salts of a segment's digests are derived from, or with those that are left of them. */
export function saltsFile(file: string): string {
  return file.replace(/\.jsonl$/, '.salts.jsonl');
}

/** Everything that there may be of a segment, what a crash or an erasure has left included; the segment itself last. */
export function allFilesOf(file: string): string[] {
  const others = [besideFile(file), saltsFile(file)];
  return [...others, ...others.map((other) => `${other}${NEW}`), `${file}.cut`, file];
}

/** Behind the name of what is about to take a file's place. */
export const NEW = '.new';

/** The segments in a directory, oldest first. */
export async function listSegments(directory: string, log: string): Promise<SegmentName[]> {
  const files = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const segments: SegmentName[] = [];
  for (const file of files) {
    const match = SEGMENT.exec(file);
    if (match?.[1] === log) segments.push({ ordinal: Number(match[2]), file });
  }
  return segments.toSorted((a, b) => a.ordinal - b.ordinal);
}

/** The names of the logs in a directory. */
export async function listLogs(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).map((file) => SEGMENT.exec(file)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))].toSorted();
}

/** Where a log's lock is. */
export function lockPath(directory: string, log: string): string {
  return join(directory, `${log}.lock`);
}

const SEGMENT = /^(.+)\.(\d{6,})\.jsonl$/;
