import { createHash } from 'node:crypto';
import { type FileHandle, open, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChainState } from '../chain/chain.ts';
import type { Tree } from '../chain/tree.ts';
import type { SinkEvent } from '../sinks/sink.ts';
import { ChainReader, isOfType, seqOf } from '../verify/chain-reader.ts';
import { readLines } from '../verify/line-reader.ts';
import { readLineStarts } from '../verify/line-starts.ts';
import { readHeader } from './header.ts';
import { besideFile, listSegments, saltsFile, type SegmentName } from './names.ts';

/** What a writer finds of the runs before it. */
export interface Recovered {
  /** Where the chain stands; undefined when there is no log yet. */
  readonly state: ChainState | undefined;
  /** File name of the last segment; null when there is none. */
  readonly last: string | null;
  /** The largest ordinal in use, that of an unfinished file too. */
  readonly ordinal: number;
}

/**
 * Finds the end of a log. What a crash has torn is cut off, kept in a file of its own and reported.
 *
 * @throws Error One sentence, when more than a torn end is wrong: to go on would bury it.
 */
export async function recover(
  directory: string,
  log: string,
  report: (event: SinkEvent) => void,
): Promise<Recovered> {
  const segments = await listSegments(directory, log);
  const ordinal = segments.at(-1)?.ordinal ?? 0;
  for (const segment of segments.toReversed()) {
    const state = await endOf(directory, segment, report);
    if (state !== undefined) return { state, last: segment.file, ordinal };
  }
  return { state: undefined, last: null, ordinal };
}

async function endOf(
  directory: string,
  { file }: SegmentName,
  report: (event: SinkEvent) => void,
): Promise<ChainState | undefined> {
  const path = join(directory, file);
  const handle = await open(path, 'r');
  try {
    let reader: ChainReader | undefined;
    let bad = false;
    let headerSeen = false;
    // Two lines that follow each other properly behind a bad one: no crash leaves that.
    let goodBehindBad = false;
    const { size } = await handle.stat();
    let goodEnd = 0;
    let first = 0;
    let saysKey = false;
    const { torn } = await readLines(handle, 0, (buffer, start, end, offset) => {
      if (!headerSeen) {
        headerSeen = true;
        const header = readHeader(buffer.toString('utf8', start, end));
        bad = header === undefined;
        if (header !== undefined) {
          reader = ChainReader.from(header.state);
          first = reader.size;
        }
      } else if (reader !== undefined) {
        saysKey ||= isOfType(buffer, start, SALTS);
        const problem = reader.next(buffer, start, end);
        if (problem === undefined && bad) goodBehindBad = true;
        if (problem !== undefined) {
          bad = true;
          reader.resume(buffer, start, end);
        }
      }
      if (!bad) goodEnd = offset + end + 1 - start;
      return undefined;
    });
    if (goodBehindBad || (bad && reader === undefined)) {
      throw new Error(
        `the audit log is damaged at byte ${goodEnd} of ${path}; look at it with "sluice-audit verify", ` +
          'then move the directory away or give another one.',
      );
    }
    if (reader === undefined) {
      // The crash came before the first line was whole.
      await rename(path, `${path}.cut`);
      await rm(join(directory, saltsFile(file)), { force: true });
      report({ type: 'recovered', code: 'torn', facts: { file, bytes: torn } });
      return undefined;
    }
    if (goodEnd < size) {
      // Read once more up to there: what follows has moved the reader on.
      const again = await readTo(handle, goodEnd);
      await cut(path, file, goodEnd, report);
      await cutBeside(directory, file, again.tree.size);
      return again;
    }
    await cutBeside(directory, file, reader.size);
    // The crash came before the record that vouches for the key: nobody else can.
    if (reader.size > first && !saysKey)
      report({ type: 'recovered', code: 'torn', facts: { file, bytes: 0 } });
    return stateOf(reader);
  } finally {
    await handle.close();
  }
}

const SALTS = Buffer.from('"type":"salts"');

async function readTo(handle: FileHandle, end: number): Promise<ChainState> {
  let reader: ChainReader | undefined;
  await readLines(handle, 0, (buffer, start, lineEnd, offset) => {
    if (offset >= end) return false;
    if (reader !== undefined) reader.next(buffer, start, lineEnd);
    else {
      const header = readHeader(buffer.toString('utf8', start, lineEnd));
      if (header !== undefined) reader = ChainReader.from(header.state);
    }
    return undefined;
  });
  return stateOf(reader as unknown as ChainReader);
}

function stateOf({ head, tree }: ChainReader): ChainState {
  // Everything up to here was good.
  return { head, tree: tree as Tree };
}

/** Takes the torn end off and keeps it: it may be all that is left of a call. */
async function cut(
  path: string,
  file: string,
  end: number,
  report: (event: SinkEvent) => void,
): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    const { size } = await handle.stat();
    const torn = Buffer.alloc(size - end);
    await handle.read(torn, 0, torn.length, end);
    await writeFile(`${path}.cut`, torn, { mode: 0o600, flush: true });
    await handle.truncate(end);
    await handle.sync();
    const digest = createHash('sha256').update(torn).digest('base64url');
    report({ type: 'recovered', code: 'torn', facts: { file, bytes: torn.length, digest } });
  } finally {
    await handle.close();
  }
}

/** What is beside goes to the disk first: without its record it is of no use. */
async function cutBeside(directory: string, file: string, size: number): Promise<void> {
  const path = join(directory, besideFile(file));
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (handle === undefined) return;
  try {
    const { offset, torn } = await readLineStarts(
      handle,
      (start) => !(seqOf(start, 0, start.length) >= size),
    );
    const { size: bytes } = await handle.stat();
    if (offset === bytes && torn === 0) return;
    const writable = await open(path, 'r+');
    try {
      await writable.truncate(offset);
      await writable.sync();
    } finally {
      await writable.close();
    }
  } finally {
    await handle.close();
  }
}
