import { hash } from 'node:crypto';
import { ByteBuffer } from './byte-buffer.ts';
import { salted, saltOf, type Unsalted } from './salts.ts';
import { type Digest, Tree } from './tree.ts';

/** Behind what is hashed stands the record's own hash, `,"hash":"` 43 characters `"}`, and a line feed. */
export const SEAL_BYTES = 54;
/** In front of a record's bytes, when they are hashed: a zero byte and the hash of the record before. */
export const PREFIX_BYTES = 33;
/** A SHA-256 value. */
export const DIGEST_BYTES = 32;
const SEAL_HEAD = ',"hash":"';
const SEAL_TAIL = '"}\n';
const NONE: readonly Unsalted[] = [];

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
 * they are written. Lines collect in one buffer, so that a batch is one write, and are bound when they are taken: in one
 * go a hash costs a third of what it costs between a call's other work.
 */
export class Sealer {
  readonly #tree: Tree;
  #head: Digest;
  #size: number;
  /** Bodies of records, with room for a seal behind each. */
  readonly #lines = new ByteBuffer(PREFIX_BYTES);
  /** Where bodies end that are not bound yet. */
  readonly #unbound: number[] = [];
  /** The digests in each of them. */
  readonly #unsalted: (readonly Unsalted[])[] = [];
  #key: string;
  /** Where the first of them begins. */
  #from = PREFIX_BYTES;

  /** @param key What salts are derived from, until another one is given. */
  constructor({ head, tree }: ChainState, key: string) {
    this.#key = key;
    this.#head = head;
    this.#tree = tree.copy();
    this.#size = tree.size;
  }

  /** Sequence number of the next record. */
  get size(): number {
    return this.#size;
  }

  /** Where the chain stands now. */
  get state(): ChainState {
    this.#bind();
    return { head: this.#head, tree: this.#tree.copy() };
  }

  /**
   * Adds a record.
   *
   * @param members What is in the record, as the inside of a JSON object.
   * @param digests Which of it are digests that have to be salted.
   * @returns Its sequence number.
   */
  add(members: string, digests: readonly Unsalted[] = NONE): number {
    const seq = this.#size++;
    this.#lines.add(`{"seq":${seq},${members}`);
    this.#unbound.push(this.#lines.length);
    this.#unsalted.push(digests);
    this.#lines.room(SEAL_BYTES + 1);
    this.#lines.length += SEAL_BYTES + 1;
    return seq;
  }

  /** What the salts of all records are derived from that were not taken yet. */
  get key(): string {
    return this.#key;
  }

  set key(key: string) {
    this.#key = key;
  }

  /** Bytes of the lines since they were last taken. */
  get bytes(): number {
    return this.#lines.length - PREFIX_BYTES;
  }

  /** The lines since the last time. They are the caller's to keep. */
  take(): Buffer<ArrayBuffer> {
    this.#bind();
    this.#from = PREFIX_BYTES;
    return this.#lines.take();
  }

  /** What is hashed in front of a line stands, for that moment, where the seal of the line before it ends. */
  #bind(): void {
    const bytes = this.#lines.room(0);
    let head = this.#head;
    let from = this.#from;
    for (let index = 0; index < this.#unbound.length; index++) {
      const end = this.#unbound[index] as number;
      const digests = this.#unsalted[index] as readonly Unsalted[];
      if (digests.length > 0) {
        const salt = saltOf(this.#key, this.#tree.size);
        for (const { digest, direction, fromEnd } of digests)
          bytes.write(salted(digest, direction, salt), end - fromEnd, 'latin1');
      }
      bytes[from - PREFIX_BYTES] = 0;
      bytes.write(head, from - DIGEST_BYTES, 'latin1');
      head = hash('sha256', bytes.subarray(from - PREFIX_BYTES, end), 'binary');
      seal(bytes, from);
      this.#tree.push(head);
      from = end + SEAL_BYTES + 1;
    }
    bytes.write(head, from - DIGEST_BYTES, 'latin1');
    seal(bytes, from);
    this.#unbound.length = 0;
    this.#unsalted.length = 0;
    this.#head = head;
    this.#from = from;
  }
}

/** Writes the seal of the line that ends at `to`, if there is one, out of the digest that stands there. */
function seal(bytes: Buffer, to: number): void {
  if (to === PREFIX_BYTES) return;
  const text = SEAL_HEAD + bytes.toString('base64url', to - DIGEST_BYTES, to) + SEAL_TAIL;
  bytes.write(text, to - text.length, 'latin1');
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
