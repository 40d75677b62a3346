import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileWords } from '../words/compile.ts';
import { WordFinder } from '../words/word-finder.ts';
import { findAcross } from './seams.ts';

describe('a word spread over texts', () => {
  const words = [{ text: 'grumblewort' }, { text: '炸弹' }];

  test('is found wherever it is cut, once or twice', () => {
    const finder = new WordFinder(compileWords([...words, { text: 'new york' }]));
    const lead = fc.constantFrom('', '好的，', 'a ', 'x'.repeat(300) + ' ', '…');
    const word = fc.constantFrom('grumblewort', '炸\u200b弹', 'GRUMBLEwort', 'new york');
    fc.assert(
      fc.property(lead, word, fc.nat(), fc.nat(), (before, text, a, b) => {
        const [first, second] = [1 + (a % (text.length - 1)), 1 + (b % (text.length - 1))].sort(
          (x, y) => x - y,
        ) as [number, number];
        const pieces = [before + text.slice(0, first), text.slice(first, second), `${text.slice(second)} 好`];
        expect(findAcross(finder, pieces, 3).length).toBeGreaterThan(0);
      }),
      { numRuns: 300 },
    );
  });

  test('is found as a word of the texts that it stands in, whatever comes before and after them', () => {
    const finder = new WordFinder(
      compileWords(
        ['grumblewort', '炸弹', 'new york', 'b8g', 'wort', 'go', 'ax'].map((text) => ({
          text,
          whole: text !== 'ax',
        })),
      ),
    );
    const piece = fc.constantFrom(
      'grumble',
      'wort',
      'gr',
      'umblewort',
      '炸',
      '弹',
      'new',
      ' york',
      ' ',
      'x',
      '\u0301',
      'b',
      '8g',
      'g',
      'o.',
      'a',
    );
    fc.assert(
      fc.property(fc.array(fc.array(piece, { minLength: 1, maxLength: 2 }), { maxLength: 8 }), (parts) => {
        const texts = parts.map((part) => part.join(''));
        // Every row of texts by itself: what begins in its first one and ends in its last one.
        const expected = new Set<string>();
        for (let first = 0; first < texts.length; first++) {
          for (let last = first + 1; last < texts.length; last++) {
            const row = texts.slice(first, last + 1).join('');
            const end = row.length - (texts[last] as string).length;
            for (const find of finder.find(row, { final: true, json: false }).finds) {
              if (find.start < (texts[first] as string).length && find.end > end)
                expected.add(`${first} ${find.start} ${last} ${find.end - end}`);
            }
          }
        }
        const told = findAcross(finder, texts).map(({ stretches }) => {
          const { place, end } = stretches.at(-1) ?? stretches[0];
          return `${stretches[0].place} ${stretches[0].start} ${place} ${end}`;
        });
        expect(new Set(told)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  test('is looked for once in each text, however short they are', () => {
    let read = 0;
    const finder = {
      find: (text: string) => {
        read += text.length;
        return { finds: [], hold: text.length };
      },
    };
    const lengths = [1, 2, 0, 300, 513, 5_000, 256, 257];
    const texts = Array.from({ length: 4_000 }, (_, i) => 'x'.repeat(lengths[i % lengths.length] as number));
    findAcross(finder, texts);
    expect(read).toBe(500 * (1 + 2 + 300 + 512 + 512 + 256 + 257));
  });

  test('is looked for in no more than 512 characters of each seam', () => {
    const lengths: number[] = [];
    const finder = {
      find: (text: string) => {
        lengths.push(text.length);
        return { finds: [], hold: text.length };
      },
    };
    findAcross(
      finder,
      Array.from({ length: 50 }, () => 'x'.repeat(10_000)),
      100,
    );
    expect(lengths).toHaveLength(49);
    expect(Math.max(...lengths)).toBe(512);
  });
});
