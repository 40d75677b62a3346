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

  test('finds the same whatever comes before and after it, matches in a row included', () => {
    const part = fc.constantFrom('ab', 'aab', 'c', 'aaac', 'x'.repeat(300), 'a'.repeat(260), 'b');
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 8 }),
        fc.constantFrom('a+b', 'a{2,5}c', 'x+c|ab', 'a{1,250}b'),
        (parts, pattern) => {
          const text = parts.join('');
          // As the engine of the language reads it, with its longest match at each place and 255 characters at most.
          const expected: string[] = [];
          for (let at = 0; at < text.length;) {
            const match = new RegExp(`^(?:${pattern})`).exec(text.slice(at, at + 255));
            if (match !== null) expected.push(match[0]);
            at += match?.[0].length ?? 1;
          }
          expect(found(pattern, text)).toEqual(expected);
        },
      ),
      { numRuns: 200 },
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
