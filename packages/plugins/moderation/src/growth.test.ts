import { describe, expect, test } from 'vitest';
import { withoutAllowed, WHOLE } from './finder.ts';
import { JoinedTexts } from './joined-texts.ts';
import { Placeholders } from './placeholders.ts';
import { RuleBook } from './rule-book.ts';
import { compileWords } from './words/compile.ts';
import type { WordEntry } from './words/entry.ts';

/**
 * How many times as long something takes when there is 16 times as much of it: 16 where time grows with the size, 256
 * where it grows with its square. The least of several runs, because other processes only ever add.
 */
function growth(size: number, work: (size: number) => void): number {
  const least = (of: number): number => {
    const runs = Array.from({ length: 5 }, () => {
      const before = process.cpuUsage();
      work(of);
      const { user, system } = process.cpuUsage(before);
      return user + system;
    });
    return Math.max(1, Math.min(...runs));
  };
  least(size);
  return least(size * 16) / least(size);
}

/** Between 16 and 256, and far from both: caches that are too small for the larger size cost something, too. */
const TOO_MUCH = 120;

const book = (...words: WordEntry[]): RuleBook => new RuleBook(compileWords(words), [], []);

describe('what a caller can make long takes time that grows with its length, and no faster:', () => {
  let runs = 0;

  test.each<[string, RuleBook, string]>([
    ['one word, repeated', book({ text: '炸弹' }), '炸弹'],
    ['one Latin word, repeated', book({ text: 'grumblewort' }), 'grumblewort '],
    [
      'a word and its exception',
      book({ text: 'zorb' }, { text: 'zorb hall', allow: true }),
      'zorb hall zorb ',
    ],
    ['a word in digits', book({ text: 'grumblewort' }), 'gr0mb grumb1ewort '],
    ['words in base64', book({ text: '炸弹' }), `${Buffer.from('炸弹炸弹炸弹').toString('base64')} 炸弹 `],
    ['words in a row of others', book({ text: '甲乙' }, { text: '乙' }, { text: '乙甲' }), '甲乙'],
  ])('%s', (_, rules, piece) => {
    // Never the same text twice: what was found in one is remembered.
    const times = growth(2_000, (size) => void withoutAllowed(rules.findAll(piece.repeat(size) + runs++)));
    expect(times).toBeLessThan(TOO_MUCH);
  });

  test('1 MB of one word, at all', () => {
    const { length } = book({ text: '炸弹' }).findAll('炸弹'.repeat(170_000));
    expect(length).toBe(170_000);
  });

  test('a message in blocks of a letter', () => {
    const { finder } = book({ text: 'grumblewort' }, { text: 'a'.repeat(40) });
    const times = growth(1_000, (size) => {
      const joined = new JoinedTexts();
      for (let place = 0; place < size; place++)
        joined.add({ channel: 'message', key: `${place}`, message: 0, text: 'a', editable: true }, place);
      joined.finds(finder);
    });
    expect(times).toBeLessThan(TOO_MUCH);
  });

  test('brackets that close nothing', () => {
    const placeholders = new Placeholders();
    placeholders.of('ann@example.org', '[EMAIL]');
    expect(growth(5_000, (size) => void placeholders.find('['.repeat(size), WHOLE))).toBeLessThan(TOO_MUCH);
    expect(placeholders.find(`${'['.repeat(500_000)}[EMAIL_1]]`, WHOLE).finds).toHaveLength(1);
  });
});
