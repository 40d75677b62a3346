import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { patternProblem } from './compile-pattern.ts';
import { PatternFinder } from './pattern-finder.ts';

const whole = { final: true, json: false };

function found(pattern: string, text: string): string[] {
  return new PatternFinder([{ name: 'p', pattern }])
    .find(text, whole)
    .finds.map(({ start, end }) => text.slice(start, end));
}

describe('a pattern', () => {
  test.each([
    ['\\d{3}-\\d{4}', 'call 555-1234 or 555-99', ['555-1234']],
    ['(?:ab|abc)d?', 'abcd abd', ['abcd', 'abd']],
    ['[\\p{Script=Han}]{2,3}号', '第三十二号', ['三十二号']],
    ['a.c', 'abc a\nc', ['abc']],
    ['x[^\\d]+y', 'x1y xaay', ['xaay']],
  ])('%s finds the longest match at each place', (pattern, text, expected) => {
    expect(found(pattern, text)).toEqual(expected);
  });

  test('finds what the engine of the language finds first', () => {
    const atom = fc.constantFrom('a', 'b', '[ab]', '(?:ab)', '(?:a|bb)', 'c?', 'b+', 'a{1,2}', '.');
    fc.assert(
      fc.property(
        fc.array(atom, { minLength: 1, maxLength: 5 }),
        fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 30 }),
        (atoms, text) => {
          const pattern = atoms.join('');
          fc.pre(patternProblem(pattern) === undefined);
          const [first] = new PatternFinder([{ name: 'p', pattern }]).find(text, whole).finds;
          expect(first?.start ?? -1).toBe(text.search(new RegExp(pattern)));
        },
      ),
      { numRuns: 150 },
    );
  });

  test('holds back what may still become a match', () => {
    const finder = new PatternFinder([{ name: 'p', pattern: 'key-[a-f]{4}' }]);
    expect(finder.find('the key-ab', { final: false, json: false })).toEqual({ finds: [], hold: 4 });
    expect(finder.find('the keys', { final: false, json: false }).hold).toBe(8);
  });

  test.each([
    ['(a', 'has unbalanced ( (at character 3)'],
    ['a**', 'has a quantifier of a quantifier (at character 4)'],
    ['(?=a)b', 'has a look-around or a named group; only (…) and (?:…) can be used (at character 3)'],
    ['(a)\\1', 'has a reference back, an assertion or an unknown escape (at character 4)'],
    ['^a', 'has "^", which must be escaped where it is a character (at character 1)'],
    ['a*', 'matches the empty text, and so everything'],
    ['(a{1,100}){1,100}', 'would take more than 2000 steps; repeat less'],
    ['[ab]*a[ab]{20}', 'would take too much memory; make what repeats differ from what follows it'],
    ['😀', 'has a character outside the basic plane (at character 1)'],
    ['x'.repeat(1_001), 'is longer than 1000 characters'],
  ])('%s is refused with what to do', (pattern, problem) => {
    expect(patternProblem(pattern)).toBe(problem);
  });
});

test('500 evil patterns are refused, or read a text of 100,000 characters in one pass', () => {
  const cores = ['a', '[ab]', '\\w', '.', '(?:a|a)', '(?:a|ab)', '(?:aa|a)', '(?:a?)', '(?:\\w|_)', '[a-z]'];
  const shapes = [
    (core: string) => `(${core}+)+b!`,
    (core: string) => `(${core}*)*b!`,
    (core: string) => `(${core}+){2,9}b!`,
    (core: string) => `${core}*${core}*${core}*b!`,
    (core: string) => `(${core}|${core})+b!`,
    (core: string) => `(${core}{1,9}){1,9}b!`,
    (core: string) => `x?(${core}+${core}+)+b!`,
    (core: string) => `(x+x+)+${core}b!`,
    (core: string) => `(${core}+)*(${core}+)*b!`,
    (core: string) => `(.*)*${core}b!`,
  ];
  const texts = [
    'a'.repeat(100_000),
    'ab'.repeat(50_000),
    `${'a'.repeat(200)}!`.repeat(500),
    ' a'.repeat(50_000),
    'x'.repeat(100_000),
  ];
  let tried = 0;
  for (const core of cores) {
    for (const shape of shapes) {
      const pattern = shape(core);
      const refused = patternProblem(pattern) !== undefined;
      const finder = refused ? undefined : new PatternFinder([{ name: 'p', pattern }]);
      for (const text of texts) {
        tried++;
        // Backtracking would not come back from any of these.
        expect(finder?.find(text, whole).finds ?? []).toEqual([]);
      }
    }
  }
  expect(tried).toBe(500);
});
