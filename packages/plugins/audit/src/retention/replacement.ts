import { type FileHandle, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { besideFile, NEW, saltsFile } from '../files/names.ts';
import { readSalts, saltsDigest, saltText } from '../files/salts-file.ts';
import { writeWhole } from '../files/segment.ts';
import { readLineStarts } from '../verify/line-starts.ts';
import { readSegment } from './segments.ts';

/** What takes the place of a segment's salts or content when something is erased from it. */
export interface Replacement {
  /** The segment. */
  readonly segment: string;
  /** How many salts or pieces of content go. */
  readonly dropped: number;
  /** What the chain has to say of the new salts; undefined when it is content that is replaced. */
  readonly digest: string | undefined;
  /** Puts it in place, at once or not at all. The directory is not synced. */
  commit(): Promise<void>;
}

/**
 * Prepares what takes the place of a segment's key: the salts of those records that stay. Without the key, a record whose
 * salt is not among them cannot be tested against guesses any more. Undefined when nothing goes.
 */
export async function replaceSalts(
  directory: string,
  segment: string,
  drops: (call: string) => boolean,
): Promise<Replacement | undefined> {
  const salts = await readSalts(directory, segment);
  if (salts === undefined) return undefined;
  const kept: string[] = [];
  let dropped = 0;
  await readSegment(
    join(directory, segment),
    ({ seq, call }) => {
      const salt = typeof call === 'string' ? salts.of(seq) : undefined;
      if (salt === undefined) return undefined;
      if (drops(String(call))) dropped++;
      else kept.push(saltText(seq, salt));
      return undefined;
    },
    ['"digest":"'],
  );
  if (dropped === 0) return undefined;
  const text = kept.join('');
  const path = join(directory, saltsFile(segment));
  await writeWhole(path + NEW, text);
  const digest = saltsDigest(Buffer.from(text));
  return { segment, dropped, digest, commit: () => rename(path + NEW, path) };
}

/** Prepares what is left of a segment's content. What it says stays byte for byte. Undefined when nothing goes. */
export async function replaceContent(
  directory: string,
  segment: string,
  drops: (call: string) => boolean,
): Promise<Replacement | undefined> {
  const path = join(directory, besideFile(segment));
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (handle === undefined) return undefined;
  try {
    const { kept, dropped } = await partsWithout(handle, drops);
    if (dropped === 0) return undefined;
    await copyParts(handle, path + NEW, kept);
    return { segment, dropped, digest: undefined, commit: () => rename(path + NEW, path) };
  } finally {
    await handle.close();
  }
}

/** A part of a file. */
interface Part {
  readonly start: number;
  end: number;
}

async function partsWithout(
  file: FileHandle,
  drops: (call: string) => boolean,
): Promise<{ readonly kept: readonly Part[]; readonly dropped: number }> {
  let dropped = 0;
  const kept: Part[] = [];
  await readLineStarts(file, (start, offset, next) => {
    const call = CALL.exec(start.toString('latin1'))?.[1] ?? '';
    const last = kept.at(-1);
    if (drops(call)) dropped++;
    else if (last?.end === offset) last.end = next;
    else kept.push({ start: offset, end: next });
    return undefined;
  });
  return { kept, dropped };
}

/** Piece by piece: content may be more than fits into memory. */
async function copyParts(from: FileHandle, path: string, parts: readonly Part[]): Promise<void> {
  const to = await open(path, 'w', 0o600);
  try {
    const piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
    for (const { start, end } of parts)
      for (let at = start; at < end;) {
        const { bytesRead } = await from.read(piece, 0, Math.min(piece.length, end - at), at);
        if (bytesRead === 0) throw new Error('a file with content has become shorter while it was read');
        await to.writeFile(piece.subarray(0, bytesRead));
        at += bytesRead;
      }
    await to.sync();
  } finally {
    await to.close();
  }
}

const PIECE_BYTES = 1 << 20;
const CALL = /^\{"seq":\d+,"call":"([^"]+)"/;
