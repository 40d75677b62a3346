import { expect, it } from 'vitest';
import { headProblems } from './heads.ts';

const HEADS = [
  'What it does',
  'Use',
  'Options',
  'Order',
  'Errors',
  'Events',
  'Stores',
  'Streaming',
  'Do not',
];
const page = (heads: readonly string[]): string => heads.map((head) => `## ${head}\n\nNone.\n`).join('\n');

it('wants all heads in their order, and allows more', () => {
  expect(headProblems('a', page(HEADS))).toEqual([]);
  expect(headProblems('a', page([...HEADS.slice(0, 4), 'Routes', ...HEADS.slice(4)]))).toEqual([]);
  expect(headProblems('a', page(HEADS.slice(1)))).toHaveLength(1);
  expect(headProblems('a', page(HEADS.toReversed()))).toHaveLength(1);
});
