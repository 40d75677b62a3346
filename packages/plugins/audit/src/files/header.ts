import { hash } from 'node:crypto';
import { type ChainState, fromText, toText } from '../chain/chain.ts';
import { type Digest, subtreeCount, Tree } from '../chain/tree.ts';

/** The first line of a segment: what it follows, so that it can be checked by itself. */
export interface SegmentHeader {
  /** Which log. */
  readonly log: string;
  /** Counts the segments. */
  readonly segment: number;
  /** File name of the segment before; null for the first. */
  readonly after: string | null;
  /** Where the chain stood. */
  readonly state: ChainState;
}

const SEAL = /,"hash":"([\w-]{43})"\}\n?$/;

/** Not 0 or 1: a header can never pass for a record or a node. */
const DOMAIN = '\u0002';

/** Writes a header, with its line feed. */
export function writeHeader({ log, segment, after, state }: SegmentHeader): string {
  const { tree, head } = state;
  const members = {
    audit: 1,
    log,
    segment,
    after,
    first: tree.size,
    prev: toText(head),
    tree: tree.subtrees.map(toText),
  };
  const text = JSON.stringify(members).slice(0, -1);
  return `${text},"hash":"${hash('sha256', DOMAIN + text, 'base64url')}"}\n`;
}

/** Reads a header; undefined when it is none, or not as it was written. */
export function readHeader(line: string): SegmentHeader | undefined {
  const match = SEAL.exec(line);
  if (match === null) return undefined;
  const text = line.slice(0, match.index);
  if (hash('sha256', DOMAIN + text, 'base64url') !== match[1]) return undefined;
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(`${text}}`) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const { audit, log, segment, after, first, prev, tree } = fields;
  const head = fromText(prev);
  if (audit !== 1 || typeof log !== 'string' || head === undefined || !Array.isArray(tree)) return undefined;
  if (!isCount(segment) || !isCount(first) || (after !== null && typeof after !== 'string')) return undefined;
  const subtrees: Digest[] = tree.map(fromText).filter((one) => one !== undefined);
  if (subtrees.length !== tree.length || subtrees.length !== subtreeCount(first)) return undefined;
  return { log, segment, after, state: { head, tree: new Tree(first, subtrees) } };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
