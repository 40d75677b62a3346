import { ENTRY, NODE } from './entry.ts';
import type { FoldedList } from './folded-list.ts';

/** The trie of a list in breadth-first order: the children of a node stand together, by letter. */
export interface Trie {
  /** How many nodes there are. The first is the root. */
  readonly size: number;
  readonly letter: Uint16Array;
  readonly parent: Int32Array;
  readonly depth: Uint8Array;
  /** By node; its children end where those of the next node begin. */
  readonly firstChild: Int32Array;
  /** The place in the order of the word that ends at a node, or -1. */
  readonly entry: Int32Array;
  /** Bits of {@link NODE}. */
  readonly flags: Uint8Array;
}

/** How many letters two words begin with alike. */
function shared({ units, start }: FoldedList, a: number, b: number): number {
  const i = start[a] as number;
  const k = start[b] as number;
  const most = Math.min((start[a + 1] as number) - i, (start[b + 1] as number) - k);
  let at = 0;
  while (at < most && units[i + at] === units[k + at]) at++;
  return at;
}

/** A node for each beginning that differs from those of the word before. */
function nodesOf(list: FoldedList, order: Uint32Array): number {
  let nodes = 1;
  for (let i = 0; i < order.length; i++) {
    const word = order[i] as number;
    const length = (list.start[word + 1] as number) - (list.start[word] as number);
    nodes += i === 0 ? length : length - shared(list, order[i - 1] as number, word);
  }
  return nodes;
}

/** Makes the trie of words in the order of their letters. Counted first, so that no array is larger than it must be. */
export function trieOf(list: FoldedList, order: Uint32Array): Trie {
  const { units, start, gaps } = list;
  const size = nodesOf(list, order);
  const letter = new Uint16Array(size);
  const parent = new Int32Array(size).fill(-1);
  const depth = new Uint8Array(size);
  const firstChild = new Int32Array(size + 1);
  const entry = new Int32Array(size).fill(-1);
  const flags = new Uint8Array(size);
  // A node is a range of the words, all of which share its letters.
  const from = new Int32Array(size);
  const to = new Int32Array(size);
  to[0] = order.length;
  let made = 1;
  for (let node = 0; node < size; node++) {
    const level = depth[node] as number;
    let at = from[node] as number;
    const end = to[node] as number;
    let flag = 0;
    for (let i = at; i < end; i++) {
      const word = order[i] as number;
      if (((list.flags[word] as number) & ENTRY.leftEdge) === 0) flag |= NODE.freeLeft;
      if (level > 0 && level < 32 && ((gaps[word] as number) & (1 << (level - 1))) !== 0) {
        flag |= NODE.gapAfter;
      }
    }
    flags[node] = flag;
    firstChild[node] = made;
    const first = order[at] as number;
    if (at < end && (start[first + 1] as number) - (start[first] as number) === level) entry[node] = at++;
    while (at < end) {
      const next = units[(start[order[at] as number] as number) + level] as number;
      let last = at + 1;
      while (last < end && units[(start[order[last] as number] as number) + level] === next) last++;
      letter[made] = next;
      parent[made] = node;
      depth[made] = level + 1;
      from[made] = at;
      to[made++] = last;
      at = last;
    }
  }
  firstChild[size] = made;
  return { size, letter, parent, depth, firstChild, entry, flags };
}
