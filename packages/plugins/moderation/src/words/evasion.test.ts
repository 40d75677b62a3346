import { describe, expect, test } from 'vitest';
import { RuleBook } from '../rule-book.ts';
import { compileWords } from './compile.ts';

const between = (sign: string) => (word: string) => Array.from(word).join(sign);
const shift = (first: number) => (word: string) =>
  word.replaceAll(/[a-z]/g, (one) => String.fromCodePoint(first + one.charCodeAt(0) - 97));
const swap = (table: Readonly<Record<string, string>>) => (word: string) =>
  Array.from(word)
    .map((one) => table[one] ?? one)
    .join('');

const CYRILLIC = { a: 'а', c: 'с', e: 'е', o: 'о', p: 'р', b: 'Ь' };
const GREEK = { a: 'α', o: 'ο', e: 'ε', v: 'ν', i: 'ι', k: 'κ' };
const LEET = { a: '4', b: '8', e: '3', i: '1', o: '0', s: '$', t: '7' };
const CAPS = {
  a: 'ᴀ',
  b: 'ʙ',
  c: 'ᴄ',
  d: 'ᴅ',
  e: 'ᴇ',
  g: 'ɢ',
  m: 'ᴍ',
  o: 'ᴏ',
  r: 'ʀ',
  l: 'ʟ',
  n: 'ɴ',
  u: 'ᴜ',
  t: 'ᴛ',
  i: 'ɪ',
};
const TRADITIONAL = { 弹: '彈', 马: '馬', 门: '門', 车: '車', 风: '風', 龙: '龍', 见: '見' };
const RADICALS = { 马: '⻢', 门: '⻔', 车: '⻋', 风: '⻛', 龙: '⻰', 见: '⻅' };

type Kind = 'latin' | 'han' | 'both';
/** What people do to a word so that a filter does not know it and a reader does. The 47 kinds of the threat list. */
const EVASIONS: readonly (readonly [name: string, kind: Kind, evade: (word: string) => string])[] = [
  ['as it is', 'both', (word) => word],
  ['capitals', 'latin', (word) => word.toUpperCase()],
  [
    'mixed case',
    'latin',
    (word) => word.replaceAll(/.(.)?/g, (two) => two.charAt(0).toUpperCase() + two.slice(1)),
  ],
  ['full width', 'latin', shift(0xff41)],
  ['mathematical bold', 'latin', shift(0x1d41a)],
  ['mathematical script', 'latin', shift(0x1d4ea)],
  ['circled', 'latin', shift(0x24d0)],
  ['parenthesised', 'latin', shift(0x249c)],
  ['zero width space', 'both', between('\u200b')],
  ['zero width joiner', 'both', between('\u200d')],
  ['zero width non-joiner', 'both', between('\u200c')],
  ['word joiner', 'both', between('\u2060')],
  ['soft hyphen', 'both', between('\u00ad')],
  ['byte order mark', 'both', between('\ufeff')],
  ['variation selector', 'both', between('\ufe0f')],
  ['tag characters', 'both', between('\u{e0061}')],
  ['invisible times', 'both', between('\u2062')],
  ['Hangul filler', 'both', between('\u3164')],
  ['bidi marks', 'both', between('\u200e')],
  ['grapheme joiner', 'both', between('\u034f')],
  ['one mark', 'both', between('\u0301')],
  ['a heap of marks', 'both', between('\u0300\u0316'.repeat(20))],
  ['overlaid strokes', 'both', between('\u0336')],
  ['hyphens', 'both', between('-')],
  ['full stops', 'both', between('.')],
  ['stars', 'both', between('*')],
  ['underscores', 'both', between('_')],
  ['spaces', 'both', between(' ')],
  ['wide spaces', 'both', between('\u3000')],
  ['slashes', 'both', between('/')],
  ['middle dots', 'both', between('·')],
  ['emoji', 'both', between('😀')],
  ['Cyrillic letters', 'latin', swap(CYRILLIC)],
  ['Greek letters', 'latin', swap(GREEK)],
  ['digits for letters', 'latin', swap(LEET)],
  ['traditional forms', 'han', swap(TRADITIONAL)],
  ['radicals', 'han', swap(RADICALS)],
  ['small capitals', 'latin', swap(CAPS)],
  ['squared letters', 'latin', shift(0x1f170)],
  ['regional indicators', 'latin', shift(0x1f1e6)],
  [
    'HTML entities',
    'both',
    (word) =>
      Array.from(word)
        .map((one) => `&#${one.codePointAt(0)};`)
        .join(''),
  ],
  ['URL escapes', 'both', (word) => Array.from(Buffer.from(word), (one) => `%${one.toString(16)}`).join('')],
  [
    'JSON escapes',
    'both',
    (word) =>
      Array.from(word)
        .map((one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)
        .join(''),
  ],
  ['base64', 'both', (word) => Buffer.from(`say ${word} now`).toString('base64')],
  ['backwards, turned round', 'both', (word) => `\u202e${Array.from(word).toReversed().join('')}\u202c`],
  [
    'rot13',
    'latin',
    (word) => word.replaceAll(/[a-z]/g, (one) => String.fromCharCode(((one.charCodeAt(0) - 84) % 26) + 97)),
  ],
  ['taken apart', 'han', (word) => word.replaceAll('弹', '弓单').replaceAll('炸', '火乍')],
];
/** Said in the README, too. */
const NOT_CAUGHT = ['rot13', 'taken apart'];

// Invented words: the kind of evasion matters, not the word.
const LATIN = Array.from({ length: 50 }, (_, i) => {
  const pick = (letters: string, n: number): string => letters.charAt((i * 7 + n * 5) % letters.length);
  return `${pick('bdgmptk', 1)}${pick('aeiou', 2)}${pick('lmnrt', 3)}${pick('aeio', 4)}${pick('bcdg', 5)}${pick('aeou', 6)}${pick('lmnr', i)}`;
});
const HAN = Array.from(
  { length: 50 },
  (_, i) => `${'炸马门车风'.charAt(i % 5)}${'弹龙见风'.charAt(i % 4)}${String.fromCharCode(0x6e00 + i * 13)}`,
);

describe('of 47 evasions', () => {
  const rules = new RuleBook(compileWords([...LATIN, ...HAN].map((text) => ({ text }))), [], []);
  const caught = new Map<string, number>();
  for (const [name, kind, evade] of EVASIONS) {
    const all = [...(kind === 'han' ? [] : LATIN), ...(kind === 'latin' ? [] : HAN)];
    const words = all.filter((word) => name === 'as it is' || evade(word) !== word);
    const hits = words.filter((word) => rules.findAll(`看 ${evade(word)} !`).length > 0);
    caught.set(name, hits.length / words.length);
  }

  test('there are 47', () => {
    expect(EVASIONS).toHaveLength(47);
  });

  test.each(EVASIONS.map(([name]) => name))('%s', (name) => {
    if (NOT_CAUGHT.includes(name)) expect(caught.get(name)).toBe(0);
    else expect(caught.get(name)).toBe(1);
  });
});
