import type { CompiledWords } from './entry.ts';
import { Slots } from './slots.ts';
import type { Trie } from './trie.ts';

type Built = Pick<CompiledWords, 'base' | 'check' | 'fail' | 'hit' | 'entry' | 'depth' | 'node'>;

/** Aho and Corasick's automaton in a double array (Aoe 1989): a state is one integer, a step two array reads. */
export function doubleArray(trie: Trie, letters: number): Built {
  const { slotOf, baseOf, size } = place(trie, letters);

  const base = new Int32Array(size);
  const check = new Int32Array(size).fill(-1);
  const fail = new Int32Array(size);
  const hit = new Int32Array(size);
  const entry = new Int32Array(size).fill(-1);
  const depth = new Uint8Array(size);
  const node = new Uint8Array(size);
  for (let n = 0; n < trie.size; n++) {
    const slot = slotOf[n] as number;
    base[slot] = baseOf[n] as number;
    if (n > 0) check[slot] = slotOf[trie.parent[n] as number] as number;
    entry[slot] = trie.entry[n] as number;
    depth[slot] = trie.depth[n] as number;
    node[slot] = trie.flags[n] as number;
  }
  // Breadth first, so that the failure of every shorter prefix is known.
  for (let n = 1; n < trie.size; n++) {
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
  const { letter, firstChild } = trie;
  const slots = new Slots(Math.max(letters + 2, Math.ceil(trie.size * 1.1)));
  const slotOf = new Int32Array(trie.size);
  const baseOf = new Int32Array(trie.size).fill(1);
  let size = letters + 2;
  const nodes = byBreadth(trie);
  // By number: an iterator would make an object for each node.
  for (let i = 0; i < nodes.length; i++) {
    const n = nodes[i] as number;
    const from = firstChild[n] as number;
    const to = firstChild[n + 1] as number;
    const base = slots.find(letter, from, to);
    baseOf[n] = base;
    for (let child = from; child < to; child++) {
      const slot = base + (letter[child] as number);
      slots.take(slot);
      slotOf[child] = slot;
    }
    size = Math.max(size, base + letters + 1);
  }
  return { slotOf, baseOf, size };
}

/** The nodes that have children, the broad ones first, while there is room: ten times denser than in the words' order. */
function byBreadth({ size, firstChild }: Trie): Int32Array {
  const breadthOf = (n: number): number => (firstChild[n + 1] as number) - (firstChild[n] as number);
  let broadest = 0;
  for (let n = 0; n < size; n++) broadest = Math.max(broadest, breadthOf(n));
  // Counted, so that each goes to its place at once: by breadth, where the next of that breadth stands.
  const place = new Int32Array(broadest + 2);
  for (let n = 0; n < size; n++) {
    const at = broadest - breadthOf(n) + 1;
    place[at] = (place[at] as number) + 1;
  }
  for (let at = 1; at < place.length; at++) place[at] = (place[at] as number) + (place[at - 1] as number);
  const withChildren = place[broadest] as number;
  const nodes = new Int32Array(withChildren);
  for (let n = 0; n < size; n++) {
    const at = broadest - breadthOf(n);
    if (at < broadest) nodes[place[at] as number] = n;
    place[at] = (place[at] as number) + 1;
  }
  return nodes;
}
