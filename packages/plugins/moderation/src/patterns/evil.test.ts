import { expect, test } from 'vitest';
import { patternProblem } from './compile-pattern.ts';
import { EVIL_PATTERNS, TEXTS } from '../../tools/evil-patterns.ts';
import { PatternFinder } from './pattern-finder.ts';

test('500 evil patterns are refused, or read 100,000 characters in their stride', () => {
  let refused = 0;
  for (const [i, pattern] of EVIL_PATTERNS.entries()) {
    if (patternProblem(pattern) !== undefined) {
      refused++;
      continue;
    }
    const finder = new PatternFinder([{ name: 'p', pattern }]);
    // One text for each, all of them in turn: `test/bench/patterns.ts` takes every pair and tells the worst one.
    const text = TEXTS[i % TEXTS.length] as string;
    expect(finder.find(text, { final: true, json: false }).finds, pattern).toEqual([]);
  }
  expect(EVIL_PATTERNS).toHaveLength(500);
  expect(new Set(EVIL_PATTERNS).size).toBe(500);
  expect(refused).toBeLessThan(100);
}, 60_000);

test.each([
  ['AKIA[0-9A-Z]{16}', 'key AKIAAKIAAKIA00000000 is', 'AKIAAKIAAKIA00000000'],
  ['key.{0,40}value', `key key ${'-'.repeat(30)} value`, `key key ${'-'.repeat(30)} value`],
  ['(加|\\+)?(微信|vx|wx)[:：]?\\s*[a-zA-Z0-9_-]{6,20}', '请加微信: abc_def12。', '加微信: abc_def12'],
  ['[A-Z]{2}\\d{2}[A-Z0-9]{11,30}', 'IBAN DE89370400440532013000.', 'DE89370400440532013000'],
])('a useful pattern that counts, %s, is taken', (pattern, text, expected) => {
  expect(patternProblem(pattern)).toBeUndefined();
  const { finds } = new PatternFinder([{ name: 'p', pattern }]).find(text, { final: true, json: false });
  expect(finds.map(({ start, end }) => text.slice(start, end))).toEqual([expected]);
});
