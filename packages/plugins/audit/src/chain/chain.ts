import { hash } from 'node:crypto';
import { ByteBuffer } from './byte-buffer.ts';
import { type Digest, Tree } from './tree.ts';

/** Behind what is hashed stands the record's own hash, `,"hash":"` 43 characters `"}`, and a line feed. */
export const SEAL_BYTES = 54;
/** In front of a record's bytes, when they are hashed: a zero byte and the hash of the record before. */
export const PREFIX_BYTES = 33;

const SEAL_HEAD = ',"hash":"';
const SEAL_TAIL = '"}\n';

/** What the first record of a log follows. */
export const GENESIS: Digest = hash('sha256', 'sluice audit log, version 1', 'binary');

/** Where a chain stands. */
export interface ChainState {
  /** Hash of the last record. */
  readonly head: Digest;
  /** The tree over all records; its size is the sequence number of the next one. */
  readonly tree: Tree;
}

/** A chain that has no record yet. */
export function newChain(): ChainState {
  return { head: GENESIS, tree: new Tree() };
}

/**
 * Turns records into lines, each bound to all before it: `h_n = SHA-256(0x00 ‖ h_{n-1} ‖ line_n)`, over the bytes as
 * they are written. Lines collect in one buffer, so that a batch is one write.
 */
export class Sealer {
  readonly tree: Tree;
  #head: Digest;
  /** A zero byte, the hash of the last record, and the record at hand. */
  #scratch: Buffer<ArrayBuffer> = Buffer.alloc(4096);
  readonly #lines = new ByteBuffer();

  constructor({ head, tree }: ChainState) {
    this.#head = head;
    this.tree = tree.copy();
    this.#scratch.write(head, 1, 32, 'binary');
  }

  /** Where the chain stands now. */
  get state(): ChainState {
    return { head: this.#head, tree: this.tree };
  }

  /**
   * Adds a record.
   *
   * @param members What is in the record, as the inside of a JSON object.
   * @returns Its sequence number.
   */
  add(members: string): number {
    const seq = this.tree.size;
    const text = `{"seq":${seq},${members}`;
    this.#reserve(PREFIX_BYTES + text.length * 3);
    const scratch = this.#scratch;
    const end = PREFIX_BYTES + scratch.write(text, PREFIX_BYTES);
    const head = hash('sha256', scratch.subarray(0, end), 'binary');
    this.#head = head;
    this.tree.push(head);
    const lines = this.#lines;
    const bytes = lines.room(end + SEAL_BYTES + 1);
    const at = lines.length + scratch.copy(bytes, lines.length, PREFIX_BYTES, end);
    // In its place for the next record already.
    scratch.write(head, 1, 32, 'binary');
    const seal = SEAL_HEAD + scratch.toString('base64url', 1, PREFIX_BYTES) + SEAL_TAIL;
    lines.length = at + bytes.write(seal, at, 'latin1');
    return seq;
  }

  /** Bytes of the lines since they were last taken. */
  get bytes(): number {
    return this.#lines.length;
  }

  /** The lines since the last time. They are the caller's to keep. */
  take(): Buffer<ArrayBuffer> {
    return this.#lines.take();
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#scratch.length) return;
    const larger = Buffer.alloc(bytes * 2);
    this.#scratch.copy(larger, 0, 0, PREFIX_BYTES);
    this.#scratch = larger;
  }
}

/** A digest in the form in which it stands in records. */
export function toText(digest: Digest): string {
  return Buffer.from(digest, 'binary').toString('base64url');
}

/** A digest from a record; undefined when the text is none. */
export function fromText(text: unknown): Digest | undefined {
  if (typeof text !== 'string' || !/^[\w-]{43}$/.test(text)) return undefined;
  return Buffer.from(text, 'base64url').toString('binary');
}
