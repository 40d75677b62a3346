import { type CompiledWords, NODE } from './entry.ts';

/** Slots that are tried in vain before the search for the next node begins behind them. */
const MAX_TRIES = 32;

/** The trie in breadth-first order: the children of a node stand together. */
interface Trie {
  readonly letter: number[];
  readonly parent: number[];
  readonly depth: number[];
  readonly firstChild: number[];
  readonly children: number[];
  /** The entry that ends at a node, or -1. */
  readonly entry: number[];
  readonly flags: number[];
}

function trieOf(codes: readonly string[], gaps: readonly number[], freeLeft: readonly boolean[]): Trie {
  const letter = [0];
  const parent = [-1];
  const depth = [0];
  const firstChild: number[] = [];
  const children: number[] = [];
  const entry = [-1];
  const flags = [0];
  // A node is a range of the sorted codes, all of which share its letters.
  const from = [0];
  const to = [codes.length];
  for (let node = 0; node < letter.length; node++) {
    const level = depth[node] as number;
    let at = from[node] as number;
    const end = to[node] as number;
    let flag = 0;
    for (let i = at; i < end; i++) {
      if (freeLeft[i] === true) flag |= NODE.freeLeft;
      if (level > 0 && level < 32 && ((gaps[i] as number) & (1 << (level - 1))) !== 0) flag |= NODE.gapAfter;
    }
    flags[node] = flag;
    while (at < end && (codes[at] as string).length === level) entry[node] = at++;
    firstChild[node] = letter.length;
    while (at < end) {
      const next = (codes[at] as string).charCodeAt(level);
      let last = at + 1;
      while (last < end && (codes[last] as string).charCodeAt(level) === next) last++;
      letter.push(next);
      parent.push(node);
      depth.push(level + 1);
      entry.push(-1);
      from.push(at);
      to.push(last);
      at = last;
    }
    children[node] = letter.length - (firstChild[node] as number);
  }
  return { letter, parent, depth, firstChild, children, entry, flags };
}

/** Where children go. Free slots form a list, so that full stretches are not walked again and again. */
class Slots {
  /** The node that owns each slot, or -1. */
  owner: Int32Array;
  #next: Int32Array;
  #previous: Int32Array;
  #head = 1;
  /** Where the search for nodes of one breadth begins; 0: at the first free slot. */
  #from = 0;
  #breadth = 0;
  /** Behind the last slot that is taken. */
  #used = 1;
  length: number;

  constructor(size: number) {
    this.length = size;
    this.owner = new Int32Array(size).fill(-1);
    this.#next = Int32Array.from({ length: size }, (_, i) => i + 1);
    this.#previous = Int32Array.from({ length: size }, (_, i) => i - 1);
    // The root's own.
    this.owner[0] = 0;
  }

  /** A base at which all letters (ascending) fall on free slots. */
  find(letters: Uint16Array): number {
    const first = letters[0] as number;
    if (letters.length !== this.#breadth) {
      this.#breadth = letters.length;
      this.#from = 0;
    }
    let slot = this.#from === 0 || this.owner[this.#from] !== -1 ? this.#head : this.#from;
    for (let tries = 0; slot < this.length; tries++) {
      const base = slot - first;
      if (base > 0 && this.#fits(base, letters)) {
        // What was too crowded for this node is not tried for every other one of its breadth.
        if (tries > MAX_TRIES) this.#from = this.#next[slot] as number;
        return base;
      }
      slot = this.#next[slot] as number;
    }
    return Math.max(1, this.#used - first);
  }

  take(slot: number, node: number): void {
    this.#grow(slot + 1);
    this.owner[slot] = node;
    if (slot >= this.#used) this.#used = slot + 1;
    const next = this.#next[slot] as number;
    const previous = this.#previous[slot] as number;
    if (slot === this.#head) this.#head = next;
    else this.#next[previous] = next;
    if (next < this.length) this.#previous[next] = previous;
  }

  #fits(base: number, letters: Uint16Array): boolean {
    for (const letter of letters) {
      const slot = base + letter;
      if (slot < this.length && this.owner[slot] !== -1) return false;
    }
    return true;
  }

  #grow(size: number): void {
    if (size <= this.length) return;
    const before = this.length;
    const length = Math.max(size, Math.ceil(before * 1.25));
    const longer = (old: Int32Array, fill: (i: number) => number): Int32Array => {
      const grown = new Int32Array(length);
      grown.set(old);
      for (let i = before; i < length; i++) grown[i] = fill(i);
      return grown;
    };
    this.owner = longer(this.owner, () => -1);
    // A list that had run out pointed behind its end: that is where the new slots begin.
    this.#next = longer(this.#next, (i) => i + 1);
    this.#previous = longer(this.#previous, (i) => i - 1);
    if (this.#head >= before) this.#head = before;
    else {
      let last = before - 1;
      while (last > 0 && this.owner[last] !== -1) last--;
      this.#previous[before] = last;
      this.#next[last] = before;
    }
    this.length = length;
  }
}

type Built = Pick<CompiledWords, 'base' | 'check' | 'fail' | 'hit' | 'entry' | 'depth' | 'node'>;

/** Aho and Corasick's automaton in a double array (Aoe 1989): a state is one integer, a step two array reads. */
export function doubleArray(
  codes: readonly string[],
  gaps: readonly number[],
  freeLeft: readonly boolean[],
  letters: number,
): Built {
  const trie = trieOf(codes, gaps, freeLeft);
  const { slotOf, baseOf, size } = place(trie, letters);

  const base = new Int32Array(size);
  const check = new Int32Array(size).fill(-1);
  const fail = new Int32Array(size);
  const hit = new Int32Array(size);
  const entry = new Int32Array(size).fill(-1);
  const depth = new Uint8Array(size);
  const node = new Uint8Array(size);
  for (let n = 0; n < trie.letter.length; n++) {
    const slot = slotOf[n] as number;
    base[slot] = baseOf[n] as number;
    if (n > 0) check[slot] = slotOf[trie.parent[n] as number] as number;
    entry[slot] = trie.entry[n] as number;
    depth[slot] = trie.depth[n] as number;
    node[slot] = trie.flags[n] as number;
  }
  // Breadth first, so that the failure of every shorter prefix is known.
  for (let n = 1; n < trie.letter.length; n++) {
    const slot = slotOf[n] as number;
    const up = check[slot] as number;
    if (up !== 0) {
      const letter = trie.letter[n] as number;
      let state = fail[up] as number;
      let to = (base[state] as number) + letter;
      while (check[to] !== state && state !== 0) {
        state = fail[state] as number;
        to = (base[state] as number) + letter;
      }
      fail[slot] = check[to] === state ? to : 0;
    }
    hit[slot] = (entry[slot] as number) >= 0 ? slot : (hit[fail[slot] as number] as number);
  }
  return { base, check, fail, hit, entry, depth, node };
}

function place(trie: Trie, letters: number): { slotOf: Int32Array; baseOf: Int32Array; size: number } {
  const total = trie.letter.length;
  // Broad nodes first, while there is room; ten times denser than in the order of the words.
  const byBreadth: number[][] = [];
  for (let n = 0; n < total; n++) {
    const breadth = trie.children[n] as number;
    if (breadth > 0) (byBreadth[breadth] ??= []).push(n);
  }
  const slots = new Slots(Math.max(letters + 2, Math.ceil(total * 1.1)));
  const slotOf = new Int32Array(total);
  const baseOf = new Int32Array(total).fill(1);
  let size = letters + 2;
  for (let breadth = byBreadth.length - 1; breadth > 0; breadth--) {
    for (const n of byBreadth[breadth] ?? []) {
      const first = trie.firstChild[n] as number;
      const own = Uint16Array.from({ length: breadth }, (_, i) => trie.letter[first + i] as number);
      const base = slots.find(own);
      baseOf[n] = base;
      for (let i = 0; i < breadth; i++) {
        const slot = base + (own[i] as number);
        slots.take(slot, first + i);
        slotOf[first + i] = slot;
      }
      size = Math.max(size, base + letters + 1);
    }
  }
  return { slotOf, baseOf, size };
}
