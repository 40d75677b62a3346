import { hash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { fromText, SEAL_BYTES, toText } from '../chain/chain.ts';
import { isSignedBy, readNote, type Verifier } from '../chain/note.ts';
import { type Digest, type Interval, rootFromProof, siblings, Tree } from '../chain/tree.ts';
import { readHeader } from '../files/header.ts';
import { listSegments } from '../files/names.ts';
import { ChainReader, isOfType } from './chain-reader.ts';
import { readLines } from './line-reader.ts';

/** Proof that one record is in the log that a checkpoint was made over; shows no other record. */
export interface InclusionProof {
  /** The record's line, as it was hashed. */
  readonly line: string;
  /** Its sequence number. */
  readonly index: number;
  /** Hash of the record before it, base64url. */
  readonly previous: string;
  /** Hashes of its siblings in the tree, from the leaf up (RFC 6962 §2.1.1), base64url. */
  readonly path: readonly string[];
  /** The checkpoint. */
  readonly checkpoint: string;
}

/** What to prove. */
export interface ProveOptions {
  /** Where the log's files are. */
  readonly directory: string;
  /** Which log. Default: `audit`. */
  readonly log?: string;
  /** Sequence number of the record. */
  readonly seq: number;
  /** A checkpoint that covers it. Default: the first one in the log that does. */
  readonly checkpoint?: string;
}

/** Makes the proof, in two passes and bounded memory. */
export async function proveRecord(options: ProveOptions): Promise<InclusionProof> {
  const checkpoint = options.checkpoint ?? (await findCheckpoint(options));
  const note = readNote(checkpoint);
  if (note === undefined) throw new Error('what was given is no checkpoint');
  if (options.seq >= note.size) throw new Error(`the checkpoint covers the records before ${note.size} only`);

  const parts = siblings(options.seq, note.size).map((interval) => ({ interval, tree: new Tree() }));
  let line: string | undefined;
  let previous = '';
  await walk(options, (reader, buffer, start, end, first) => {
    if (first) seed(parts, reader.tree as Tree);
    const seq = reader.size;
    if (seq >= note.size) return false;
    const before = reader.head;
    const text = seq === options.seq ? buffer.toString('utf8', start, end - SEAL_BYTES) : undefined;
    if (reader.next(buffer, start, end) !== undefined)
      throw new Error(`record ${seq} is not what was written; run "sluice-audit verify"`);
    if (text !== undefined) {
      line = text;
      previous = toText(before);
    } else {
      parts.find(({ interval }) => seq >= interval.from && seq < interval.to)?.tree.push(reader.head);
    }
    return undefined;
  });
  if (line === undefined) throw new Error(`record ${options.seq} is not in the log, or was retired`);
  const path = parts.map(({ tree }) => toText(tree.root()));
  return { line, index: options.seq, previous, path, checkpoint };
}

/**
 * Checks a proof, with nothing but a public key.
 *
 * @param verifiers Keys of which one has to have signed the checkpoint; without any, signatures are not looked at.
 */
export function checkProof(proof: InclusionProof, verifiers: readonly Verifier[] = []): boolean {
  const { line, index, previous, path, checkpoint } = proof;
  // It may have come from anywhere.
  if (![line, previous, checkpoint].every((one) => typeof one === 'string') || !Array.isArray(path))
    return false;
  const note = readNote(checkpoint);
  const head = fromText(previous);
  const siblingsGiven = path
    .map((one) => fromText(String(one)))
    .filter((one): one is Digest => one !== undefined);
  if (note === undefined || head === undefined || siblingsGiven.length !== path.length) return false;
  if (!(index < note.size) || !line.startsWith(`{"seq":${index},`)) return false;
  if (verifiers.length > 0 && !isSignedBy(checkpoint, verifiers)) return false;
  return rootFromProof(leafOf(head, line), index, note.size, siblingsGiven) === note.root;
}

function leafOf(previous: Digest, line: string): Digest {
  return hash(
    'sha256',
    Buffer.concat([Buffer.from([0]), Buffer.from(previous, 'binary'), Buffer.from(line)]),
    'binary',
  );
}

type Visit = (
  reader: ChainReader,
  buffer: Buffer,
  start: number,
  end: number,
  first: boolean,
) => boolean | undefined;

async function walk({ directory, log = 'audit' }: ProveOptions, visit: Visit): Promise<void> {
  let reader: ChainReader | undefined;
  let stopped = false;
  for (const { file } of await listSegments(directory, log)) {
    const handle = await open(join(directory, file), 'r');
    try {
      let headerSeen = false;
      let skip = 0;
      let first = false;
      await readLines(handle, 0, (buffer, start, end) => {
        if (!headerSeen) {
          headerSeen = true;
          const header = readHeader(buffer.toString('utf8', start, end));
          if (header === undefined) throw new Error(`${file} has no header; run "sluice-audit verify"`);
          first = reader === undefined;
          reader ??= ChainReader.from(header.state);
          // A file that was given up has lines that this one repeats.
          skip = Math.max(0, reader.size - header.state.tree.size);
          return undefined;
        }
        if (skip-- > 0) return undefined;
        stopped = visit(reader as ChainReader, buffer, start, end, first) === false;
        first = false;
        return stopped ? false : undefined;
      });
    } finally {
      await handle.close();
    }
    if (stopped) return;
  }
}

/** Subtrees of records that were retired are known from the first header that is left. */
function seed(parts: readonly { readonly interval: Interval; readonly tree: Tree }[], known: Tree): void {
  let from = 0;
  const subtrees: { readonly from: number; readonly to: number; readonly digest: Digest }[] = [];
  for (let bit = 2 ** 52; bit >= 1; bit /= 2) {
    if (Math.floor(known.size / bit) % 2 === 0) continue;
    subtrees.push({ from, to: from + bit, digest: known.subtrees[subtrees.length] as Digest });
    from += bit;
  }
  for (const { interval, tree } of parts) {
    const inside = subtrees.filter((one) => one.from >= interval.from && one.to <= interval.to);
    if (inside.length === 0) continue;
    const size = inside.reduce((sum, one) => sum + one.to - one.from, 0);
    tree.restore(
      size,
      inside.map(({ digest }) => digest),
    );
  }
}

async function findCheckpoint(options: ProveOptions): Promise<string> {
  let found: string | undefined;
  await walk(options, (reader, buffer, start, end) => {
    const size = reader.size;
    if (size > options.seq && isOfType(buffer, start, CHECKPOINT))
      found = (JSON.parse(buffer.toString('utf8', start, end)) as { note: string }).note;
    if (reader.next(buffer, start, end) !== undefined)
      throw new Error(`record ${size} is not what was written; run "sluice-audit verify"`);
    return found === undefined ? undefined : false;
  });
  if (found === undefined)
    throw new Error(
      'no checkpoint covers this record yet: there is one when the log is closed, and every minute',
    );
  return found;
}

const CHECKPOINT = Buffer.from('"type":"checkpoint"');
