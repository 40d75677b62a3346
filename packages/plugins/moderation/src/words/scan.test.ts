import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileWords } from './compile.ts';
import type { WordEntry } from './entry.ts';
import { type ScanOptions, WordScanner } from './scan.ts';

function scanner(...words: (string | WordEntry)[]): WordScanner {
  return new WordScanner(
    compileWords(words.map((word) => (typeof word === 'string' ? { text: word } : word))),
  );
}

/** The stretches of a text that a list finds. */
function found(words: WordScanner, text: string, options?: ScanOptions): string[] {
  return words.scan(text, options).hits.map(({ start, end }) => text.slice(start, end));
}

describe('a scan', () => {
  test('finds a word behind any stretch that begins none, and none within a word', () => {
    const words = scanner('zinnia', { text: 'quux', whole: false }, '炸弹');
    for (const word of ['zinnia', 'quux', '炸弹', '%7Ainnia', 'ＺＩＮＮＩＡ']) {
      for (let length = 0; length < 100; length++) {
        const before = 'the gate is raised '.repeat(6).slice(0, length);
        const expected = /[a-z]$/.test(before) && /^[zＺ%]/.test(word) ? [] : [word];
        expect(found(words, `${before}${word}`)).toEqual(expected);
        expect(found(words, `${before} ${word} ${before}`)).toEqual([word]);
      }
    }
  });

  test('finds what a search for each word finds', () => {
    const letters = fc.string({ unit: fc.constantFrom('甲', '乙', '丙'), minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(
        fc.uniqueArray(letters, { minLength: 1, maxLength: 30 }),
        fc.array(letters),
        (words, parts) => {
          const text = parts.join('丁'.slice(parts.length % 2));
          const expected = new Set<string>();
          for (const word of words) {
            for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
              expected.add(`${at} ${at + word.length}`);
            }
          }
          const hits = scanner(...words)
            .scan(text)
            .hits.map(({ start, end }) => `${start} ${end}`);
          expect(new Set(hits)).toEqual(expected);
          expect(hits).toHaveLength(expected.size);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('of a text that goes on holds back all that may become a find, and nothing longer than 256', () => {
    const words = scanner(
      '炸弹',
      '炸鸡块',
      'bomb',
      'new york',
      'boss',
      { text: '甲乙', whole: false },
      'ß8',
      '한국',
    );
    const piece = fc.constantFrom(
      ...'炸弹鸡块甲乙 \n。.-*%\\&🅱😀bomsßn0ew yorkBОØ\u0301\u200b爆한국＃'.split(/(?:)/u),
      '%E7%82%B8',
      '&#x5f39;',
      '\\u70b8',
      'new ',
      'yo',
      '\u0301'.repeat(40),
      ' '.repeat(40),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 25 }), fc.boolean(), (pieces, leet) => {
        const text = pieces.join('');
        const all = words.scan(text, { leet }).hits;
        for (let cut = 0; cut <= text.length; cut++) {
          const { hits, hold } = words.scan(text.slice(0, cut), { leet, final: false });
          expect(cut - hold).toBeLessThanOrEqual(256);
          for (const hit of all) {
            const told = hits.some(({ start, end }) => start === hit.start && end === hit.end);
            expect(
              told || hit.start >= hold || hit.start >= cut,
              `${JSON.stringify(text)} cut at ${cut}`,
            ).toBe(true);
          }
          for (const hit of hits) expect(all).toContainEqual(hit);
        }
      }),
      { numRuns: 400 },
    );
  });

  test('holds a beginning back while an escape behind it is unfinished, however long both are together', () => {
    const text = '炸*-\\&#x5f39;';
    for (let cut = 1; cut < text.length; cut++) {
      expect(scanner('炸弹').scan(text.slice(0, cut), { final: false })).toEqual({ hits: [], hold: 0 });
    }
    expect(scanner('炸弹').scan(text, { final: false }).hits).toHaveLength(1);
  });

  test.each(['\\u70b8 弹', '&#x70b8; 弹', '㊙ 密', '8 96', '８９ 6'])(
    'holds back a letter in disguise before a space: %s',
    (text) => {
      const words = scanner('炸弹', '秘密', '896');
      const [hit] = words.scan(text).hits;
      expect(hit).toMatchObject({ start: 0, end: text.length });
      for (let cut = 1; cut < text.length; cut++) {
        expect(words.scan(text.slice(0, cut), { final: false }).hold).toBe(0);
      }
    },
  );

  test('tells category, severity and place in the text as it was given', () => {
    const words = scanner({ text: '炸彈', category: 'violence', severity: 'medium' }, 'Straße');
    expect(words.scan('买 炸\u200b弹！').hits).toMatchObject([
      { start: 2, end: 5, category: 'violence', severity: 'medium', allow: false },
    ]);
    expect(found(words, 'In der STRASSE 5')).toEqual(['STRASSE']);
  });

  test.each([
    ['class', ['class', 'pass it', 'assistance', 'as sassy', 'as, sure', 'pass-a', '455', 'A-5']],
    ['pen is', ['pens', 'opening', 'open issue', 'the pen, I say']],
  ])('of Latin words does not find %s in others', (_, texts) => {
    const words = scanner('ass', 'penis');
    for (const text of texts) {
      expect(found(words, text), text).toEqual([]);
      expect(found(words, text, { leet: true }), text).toEqual([]);
    }
  });

  test('takes what English contracts, and what Chinese quotes, for what it is', () => {
    const words = scanner('hell', 'cant', 'bombs', "ain't", '在导', '未定义的', 'bad');
    for (const text of [
      "he'll go",
      'he\u2019ll go',
      "I can't",
      "the bomb's fuse",
      '在“导出”中',
      '未定义”的类型',
      '在(导出)中',
    ])
      expect(found(words, text), text).toEqual([]);
    for (const text of ["h'ell", "h'e'l'l", "ain't", 'aint', '未“定”义“的', '在-导出', 'b(a)d', "b'ad"])
      expect(found(words, text), text).toHaveLength(1);
  });

  test('finds a word of a list that has separators of its own', () => {
    const words = scanner('new york', 'e-mail', '习 近');
    for (const text of ['New York', 'in newyork.', 'NEW  YORK', 'email', 'e-mail', 'e mail', '习近'])
      expect(found(words, text), text).toHaveLength(1);
  });

  test('takes Cyrillic words for what they are', () => {
    const words = scanner('cop');
    expect(found(words, 'сор')).toEqual([]);
    expect(found(words, 'cоp')).toEqual(['cоp']);
    expect(found(scanner('бомба'), 'Это БОМБА!')).toEqual(['БОМБА']);
  });

  test('finds entries within words when they say so', () => {
    expect(found(scanner({ text: 'ass', whole: false }), 'classes')).toEqual(['ass']);
    expect(found(scanner('bad'), '这是bad的')).toEqual(['bad']);
  });

  test('leaves emoji, and text from right to left, alone', () => {
    const words = scanner('us', 'bad', '坏');
    for (const text of ['👨‍👩‍👧‍👦 family 🏳️‍🌈 ✌🏽', 'שלום עולם, مرحبا بالعالم', 'لا بأس', 'हिन्दी में', 'が'])
      expect(found(words, text), text).toEqual([]);
  });
});

test('finds Chinese words in pinyin where an entry asks for it', () => {
  const words = scanner({ text: '炸彈', pinyin: true });
  for (const text of ['zhadan', 'ZHA DAN', 'zha弹', '炸dàn', '炸弹'])
    expect(found(words, `看 ${text}`), text).toHaveLength(1);
  expect(found(words, 'zhadang')).toEqual([]);
});

describe('a list', () => {
  test('leaves out what cannot be found, says which, and does not repeat it', () => {
    const { words } = scanner('', '!!!', '好'.repeat(65), 'fine');
    expect(words.problems).toEqual([
      'entry 0 holds no letter or digit',
      'entry 1 holds no letter or digit',
      'entry 2 is longer than 64 letters',
    ]);
    expect(words.counts).toEqual({ custom: 1 });
  });

  test('of no words finds nothing', () => {
    expect(scanner().scan('anything 任何').hits).toEqual([]);
  });
});

describe('a hostile text', () => {
  test.each([
    ['marks', 'a' + '\u0300\u0316'.repeat(100_000)],
    ['near misses', 'aaab'.repeat(50_000)],
    ['spaces', 'a' + ' '.repeat(200_000)],
    ['escapes', '\\u006'.repeat(40_000)],
    ['percents', '%'.repeat(200_000)],
    ['ampersands', '&#x'.repeat(60_000)],
    ['zero width', '炸\u200b'.repeat(100_000)],
  ])('of %s is read to its end, and nothing is held longer than 256', (_, text) => {
    // How its time grows is measured by `test/bench/moderation.ts`; quadratic time would not end here.
    const words = scanner('aaaaaaaaab', '炸弹', 'a'.repeat(38), 'a b');
    const { hold } = words.scan(text.repeat(5), { final: false });
    expect(text.length * 5 - hold).toBeLessThanOrEqual(256);
  });
});
