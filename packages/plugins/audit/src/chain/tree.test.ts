import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Digest, rootFromProof, siblings, subtreeCount, Tree } from './tree.ts';

const sha = (...parts: Buffer[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();
const leaves = (count: number): Digest[] =>
  Array.from({ length: count }, (_, index) => sha(Buffer.from(`leaf ${index}`)).toString('binary'));

/** RFC 6962 §2.1, word for word. */
function mth(hashes: readonly Digest[]): Digest {
  if (hashes.length === 0) return sha().toString('binary');
  const [only] = hashes;
  if (hashes.length === 1 && only !== undefined) return only;
  let k = 1;
  while (k * 2 < hashes.length) k *= 2;
  const sides = [hashes.slice(0, k), hashes.slice(k)].map((half) => Buffer.from(mth(half), 'binary'));
  return sha(Buffer.from([1]), ...sides).toString('binary');
}

test('the root is that of RFC 6962, for every size', () => {
  const all = leaves(130);
  const tree = new Tree();
  for (const [index, leaf] of all.entries()) {
    expect(tree.root()).toBe(mth(all.slice(0, index)));
    expect(tree.subtrees).toHaveLength(subtreeCount(tree.size));
    tree.push(leaf);
  }
});

test('the roots are those that Certificate Transparency tests with', () => {
  const inputs = [
    '',
    '00',
    '10',
    '2021',
    '3031',
    '40414243',
    '5051525354555657',
    '606162636465666768696a6b6c6d6e6f',
  ];
  const tree = new Tree();
  const roots = inputs.map((input) => {
    tree.push(sha(Buffer.from([0]), Buffer.from(input, 'hex')).toString('binary'));
    return Buffer.from(tree.root(), 'binary').toString('hex').slice(0, 16);
  });
  expect(roots).toEqual([
    '6e340b9cffb37a98',
    'fac54203e7cc696c',
    'aeb6bcfe274b70a1',
    'd37ee418976dd957',
    '4e3bbb1f7b478dcf',
    '76e67dadbcdf1e10',
    'ddb89be403809e32',
    '5dc9da79a70659a9',
  ]);
});

test('a tree goes on from its subtrees', () => {
  fc.assert(
    fc.property(fc.nat(80), fc.nat(80), (before, more) => {
      const all = leaves(before + more);
      const first = new Tree();
      for (const leaf of all.slice(0, before)) first.push(leaf);
      const second = new Tree(first.size, first.subtrees);
      for (const leaf of all.slice(before)) second.push(leaf);
      expect(second.root()).toBe(mth(all));
    }),
    { numRuns: 200 },
  );
});

test('a proof leads from any leaf to the root, and nothing else does', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 70 }), fc.nat(), fc.nat(), (size, at, wrong) => {
      const all = leaves(size);
      const index = at % size;
      const path = siblings(index, size).map(({ from, to }) => mth(all.slice(from, to)));
      expect(rootFromProof(all[index] as Digest, index, size, path)).toBe(mth(all));
      expect(rootFromProof(leaves(size + 1)[size] as Digest, index, size, path)).not.toBe(mth(all));
      const other = wrong % size;
      if (other !== index) expect(rootFromProof(all[index] as Digest, other, size, path)).not.toBe(mth(all));
      expect(rootFromProof(all[index] as Digest, index, size, [...path, all[0] as Digest])).toBeUndefined();
    }),
    { numRuns: 300 },
  );
});
