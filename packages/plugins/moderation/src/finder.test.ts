import fc from 'fast-check';
import { expect, test } from 'vitest';
import { withoutAllowed } from './finder.ts';
import { RuleBook } from './rule-book.ts';
import { compileWords } from './words/compile.ts';

test('a find counts unless one exception covers it as a whole', () => {
  const stretch = fc
    .tuple(fc.nat({ max: 20 }), fc.integer({ min: 1, max: 8 }), fc.boolean())
    .map(([start, length, allow]) => {
      const find = { start, end: start + length, rule: 'word:x', category: 'x', severity: 'low' as const };
      return allow ? { ...find, allow } : find;
    });
  fc.assert(
    fc.property(fc.array(stretch, { maxLength: 12 }), (finds) => {
      const covered = ({ start, end }: (typeof finds)[number]): boolean =>
        finds.some((one) => 'allow' in one && one.start <= start && end <= one.end);
      const expected = finds.filter((find) => !('allow' in find) && !covered(find));
      const told = withoutAllowed(finds);
      expect(told).toHaveLength(expected.length);
      for (const find of expected) expect(told).toContain(find);
    }),
  );
});

test('what was found in a long text is remembered, unless it is so much that texts would fill memory', () => {
  const book = new RuleBook(compileWords([{ text: '炸弹' }]), [], []);
  const [few, many] = [1, 1_000].map((hits) => '炸弹'.repeat(hits) + '好'.repeat(3_000)) as [string, string];
  expect(book.findAll(few)).toHaveLength(1);
  expect(book.findAll(few)).toBe(book.findAll(few));
  expect(book.findAll(many)).toHaveLength(1_000);
  expect(book.findAll(many)).not.toBe(book.findAll(many));
});
