import { hash } from 'node:crypto';
import { type Direction, salted } from '../chain/salts.ts';
import { maskedBytes } from '../content/secrets.ts';
import { readSalts } from '../files/salts-file.ts';
import { readLog } from '../retention/segments.ts';

/** What to compare. */
export interface MatchOptions {
  /** Where the log's files are. */
  readonly directory: string;
  /** Which log. Default: `audit`. */
  readonly log?: string;
  /** Sequence number of the record. */
  readonly seq: number;
  /** Which of its digests. */
  readonly direction: Direction;
  /** What is said to have been sent or answered, byte for byte. */
  readonly bytes: Uint8Array;
}

/**
 * Whether bytes are those that a record has the digest of. `erased`: the salt is gone, and nobody can tell. The log is
 * read as it is; whether it can be believed is for `verifyLog` to say.
 *
 * @throws Error When there is no such record, or it has no such digest.
 */
export async function matchContent(options: MatchOptions): Promise<'same' | 'other' | 'erased'> {
  const { seq, direction, bytes } = options;
  let digest: unknown;
  let segment: string | undefined;
  await readLog({ ...options, hints: [`{"seq":${seq},`] }, ({ record, file }) => {
    if (record.seq !== seq) return undefined;
    segment = file;
    digest = (record[direction] as { readonly digest?: string } | undefined)?.digest;
    return false;
  });
  if (segment === undefined) throw new Error(`record ${seq} is not in the log, or was retired`);
  if (digest === undefined) throw new Error(`record ${seq} has no digest of a ${direction}`);
  const salt = (await readSalts(options.directory, segment))?.of(seq);
  if (salt === undefined) return 'erased';
  const hashed = hash('sha256', direction === 'request' ? maskedBytes(bytes) : bytes, 'base64url');
  return salted(hashed, direction, salt) === digest ? 'same' : 'other';
}
