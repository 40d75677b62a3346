import { hash } from 'node:crypto';

/** A SHA-256 value, each character one byte: half the cost of a Buffer, and comparable. */
export type Digest = string;

const scratch = Buffer.alloc(65);

/** An inner node of the tree, by RFC 6962. */
function node(left: Digest, right: Digest): Digest {
  scratch[0] = 1;
  scratch.write(left, 1, 32, 'binary');
  scratch.write(right, 33, 32, 'binary');
  return hash('sha256', scratch, 'binary');
}

/**
 * The RFC 6962 tree over a run of records, as the few perfect subtrees that it falls into: all that has to be kept to
 * go on and to know the root.
 */
export class Tree {
  /** Leaves so far. */
  size: number;
  readonly #subtrees: Digest[];

  /** An empty tree, or one that goes on where another stood. */
  constructor(size = 0, subtrees: readonly Digest[] = []) {
    this.size = size;
    this.#subtrees = [...subtrees];
  }

  /** The perfect subtrees, from the left. */
  get subtrees(): readonly Digest[] {
    return this.#subtrees;
  }

  /** Adds a leaf. A record's chain hash is its leaf hash: both are `SHA-256(0x00 ‖ previous ‖ line)`. */
  push(leaf: Digest): void {
    let hashed = leaf;
    for (let size = this.size; size % 2 === 1; size = (size - 1) / 2) {
      hashed = node(this.#subtrees.pop() as Digest, hashed);
    }
    this.#subtrees.push(hashed);
    this.size++;
  }

  /** The tree head. */
  root(): Digest {
    const last = this.#subtrees.length - 1;
    if (last < 0) return EMPTY_ROOT;
    return this.#subtrees
      .slice(0, last)
      .reduceRight((right, left) => node(left, right), this.#subtrees[last] as Digest);
  }

  /** Begins where another tree of this size stood. */
  restore(size: number, subtrees: readonly Digest[]): void {
    this.size = size;
    this.#subtrees.splice(0, Infinity, ...subtrees);
  }

  /** The same tree, to go on by itself. */
  copy(): Tree {
    return new Tree(this.size, this.#subtrees);
  }
}

const EMPTY_ROOT: Digest = hash('sha256', '', 'binary');

/** How many perfect subtrees a tree of this size has: one for each bit that is set. */
export function subtreeCount(size: number): number {
  let count = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}

/** A part of the leaves that a proof needs one hash of. */
export interface Interval {
  /** First leaf. */
  readonly from: number;
  /** The leaf behind the last. */
  readonly to: number;
}

/** The siblings on the way from a leaf to the root, from the leaf up (RFC 6962 §2.1.1). */
export function siblings(index: number, size: number): Interval[] {
  const path: Interval[] = [];
  let from = 0;
  let to = size;
  while (to - from > 1) {
    const middle = from + splitAt(to - from);
    if (index < middle) {
      path.push({ from: middle, to });
      to = middle;
    } else {
      path.push({ from, to: middle });
      from = middle;
    }
  }
  return path.toReversed();
}

/** The root that a leaf and the hashes of its siblings lead to. */
export function rootFromProof(
  leaf: Digest,
  index: number,
  size: number,
  path: readonly Digest[],
): Digest | undefined {
  const intervals = siblings(index, size);
  if (intervals.length !== path.length) return undefined;
  return intervals.reduce<Digest>((hashed, { from }, step) => {
    const sibling = path[step] as Digest;
    return from > index ? node(hashed, sibling) : node(sibling, hashed);
  }, leaf);
}

/** The largest power of two below `count`. */
function splitAt(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}
