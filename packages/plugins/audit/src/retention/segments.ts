import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { SEAL_BYTES } from '../chain/chain.ts';
import { listSegments } from '../files/names.ts';
import { readLines } from '../verify/line-reader.ts';

/** A record as it was parsed. */
export type ReadRecord = Readonly<Record<string, unknown>> & { readonly seq: number; readonly type: string };

/** Where and how to read. */
export interface ReadOptions {
  /** Where the log's files are. */
  readonly directory: string;
  /** Which log. Default: `audit`. */
  readonly log?: string;
  /** Only lines that hold one of these texts are parsed: most of the time is saved there. */
  readonly hints?: readonly string[];
  /** Told now and then how many bytes have been read. */
  readonly onProgress?: (bytes: number) => void;
}

/** A record, its bytes and its place. */
export interface Located {
  /** The record. */
  readonly record: ReadRecord;
  /** The whole line, without line feed. */
  readonly line: string;
  /** File name of the segment. */
  readonly file: string;
}

/** Reads all records of one segment, without checking them. */
export async function readSegment(
  path: string,
  visit: (record: ReadRecord, line: string) => boolean | undefined,
  hints: readonly string[] = [],
): Promise<number> {
  const needles = hints.map((hint) => Buffer.from(hint));
  const handle = await open(path, 'r');
  try {
    let header = true;
    const { offset } = await readLines(handle, 0, (buffer, start, end) => {
      if (header) {
        header = false;
        return undefined;
      }
      if (needles.length > 0) {
        const bytes = buffer.subarray(start, end);
        if (!needles.some((needle) => bytes.includes(needle))) return undefined;
      }
      const line = buffer.toString('utf8', start, end);
      const record = parsed(line);
      return record === undefined ? undefined : visit(record, line);
    });
    return offset;
  } finally {
    await handle.close();
  }
}

/** Reads a whole log, oldest records first. What a given-up file has twice is told once. */
export async function readLog(
  { directory, log = 'audit', hints, onProgress }: ReadOptions,
  visit: (located: Located) => boolean | undefined,
): Promise<void> {
  let next = 0;
  let bytes = 0;
  let stopped = false;
  for (const { file } of await listSegments(directory, log)) {
    bytes += await readSegment(
      join(directory, file),
      (record, line) => {
        if (record.seq < next) return undefined;
        next = record.seq + 1;
        stopped = visit({ record, line, file }) === false;
        return stopped ? false : undefined;
      },
      hints,
    );
    onProgress?.(bytes);
    if (stopped) return;
  }
}

function parsed(line: string): ReadRecord | undefined {
  // The hash is not the reader's business.
  const body = `${line.slice(0, line.length - SEAL_BYTES)}}`;
  try {
    return JSON.parse(body) as ReadRecord;
  } catch {
    return undefined;
  }
}
