import { hash } from 'node:crypto';
import { type ChainState, PREFIX_BYTES, SEAL_BYTES } from '../chain/chain.ts';
import type { Digest, Tree } from '../chain/tree.ts';
import { digestStandsAt, standsAt } from './compare.ts';

const HASH_CHARS = 43;
/** `,"hash":"` */
const HEAD_CHARS = SEAL_BYTES - HASH_CHARS - 2;
const SEAL_HEAD = Buffer.from(',"hash":"');
/** How each line begins. */
export const SEQ_HEAD: Uint8Array = Buffer.from('{"seq":');

/** What is wrong with a line. */
export type LineProblem = 'no-record' | 'wrong-seq' | 'wrong-hash';

/** Follows a chain line by line. */
export class ChainReader {
  /** Sequence number of the next record. */
  size: number;
  /** Over all records so far; undefined once one was bad, as no tree head can be right from then on. */
  tree: Tree | undefined;
  head: Digest;
  readonly #scratch = Buffer.alloc(32);

  /** Goes on where a chain stood, perhaps without following its tree. */
  constructor({
    head,
    size,
    tree,
  }: {
    readonly head: Digest;
    readonly size: number;
    readonly tree: Tree | undefined;
  }) {
    this.head = head;
    this.size = size;
    this.tree = tree?.copy();
  }

  /** Goes on where a segment says that the chain stood. */
  static from({ head, tree }: ChainState): ChainReader {
    return new ChainReader({ head, size: tree.size, tree });
  }

  /** Checks the next line, and goes on behind it. Overwrites the bytes before `start`. */
  next(buffer: Buffer, start: number, end: number): LineProblem | undefined {
    const bodyEnd = end - SEAL_BYTES;
    if (bodyEnd <= start || !isRecord(buffer, start, end)) return 'no-record';
    const from = start - PREFIX_BYTES;
    buffer[from] = 0;
    buffer.write(this.head, from + 1, 32, 'binary');
    const head = hash('sha256', buffer.subarray(from, bodyEnd), 'binary');
    this.#scratch.write(head, 0, 32, 'binary');
    const inOrder = seqOf(buffer, start, end) === this.size;
    if (!digestStandsAt(buffer, bodyEnd + HEAD_CHARS, this.#scratch))
      return inOrder ? 'wrong-hash' : 'wrong-seq';
    if (!inOrder) return 'wrong-seq';
    this.head = head;
    this.tree?.push(head);
    this.size++;
    return undefined;
  }

  /** Goes on behind a bad line as if it were good, to find what else is bad. */
  resume(buffer: Buffer, start: number, end: number): void {
    this.tree = undefined;
    if (end - SEAL_BYTES <= start || !isRecord(buffer, start, end)) return;
    const stored = buffer.toString('latin1', end - SEAL_BYTES + HEAD_CHARS, end - 2);
    this.head = Buffer.from(stored, 'base64url').toString('binary');
    const seq = seqOf(buffer, start, end);
    this.size = Number.isNaN(seq) ? this.size + 1 : seq + 1;
  }
}

/** The sequence number that a line says it has; NaN when it says none. */
export function seqOf(buffer: Buffer, start: number, end: number): number {
  let seq = 0;
  let index = start + SEQ_HEAD.length;
  const first = index;
  for (; index < end; index++) {
    const digit = (buffer[index] as number) - 48;
    if (digit < 0 || digit > 9) break;
    seq = seq * 10 + digit;
  }
  return index === first || buffer[index] !== COMMA ? NaN : seq;
}

/** Whether a record is of this kind; `type` as it stands there, `"type":"…"`. */
export function isOfType(buffer: Buffer, start: number, type: Uint8Array): boolean {
  return standsAt(buffer, buffer.indexOf(COMMA, start) + 1, type);
}

function isRecord(buffer: Buffer, start: number, end: number): boolean {
  const bodyEnd = end - SEAL_BYTES;
  return (
    buffer[end - 1] === BRACE &&
    buffer[end - 2] === QUOTE &&
    standsAt(buffer, start, SEQ_HEAD) &&
    standsAt(buffer, bodyEnd, SEAL_HEAD)
  );
}

const BRACE = 125;
const QUOTE = 34;
const COMMA = 44;
