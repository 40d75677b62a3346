import { PINYIN } from '../text/data/pinyin.ts';
import { SIMPLIFIED } from '../text/data/simplified.ts';
import type { WordEntry } from './entry.ts';

/** Spellings of one word, at most. */
const MAX_SPELLINGS = 256;

let readings: Map<string, readonly string[]> | undefined;

/** The readings of each character. */
function syllables(): Map<string, readonly string[]> {
  if (readings !== undefined) return readings;
  readings = new Map();
  for (const [, syllable = '', characters = ''] of PINYIN.matchAll(/([a-z]+)([^a-z]+)/g)) {
    for (const character of characters.split('')) {
      readings.set(character, [...(readings.get(character) ?? []), syllable]);
    }
  }
  for (let i = 0; i < SIMPLIFIED.length; i += 2) {
    const known = readings.get(SIMPLIFIED.charAt(i + 1));
    if (known !== undefined) readings.set(SIMPLIFIED.charAt(i), known);
  }
  return readings;
}

/** A Chinese word with some or all of its characters in Latin letters: `zhadan`, `zha dan`, `zha弹`. */
export function spellings(entry: WordEntry): WordEntry[] {
  const characters = entry.text.split('');
  if (characters.length < 2) return [];
  let texts = [''];
  for (const character of characters) {
    const read = syllables().get(character);
    if (read === undefined) return [];
    const ways = [character, ...read.map((syllable) => ` ${syllable} `)];
    if (texts.length * ways.length > MAX_SPELLINGS) return [];
    texts = texts.flatMap((text) => ways.map((way) => text + way));
  }
  return texts.filter((text) => text !== entry.text).map((text) => ({ ...entry, text: text.trim() }));
}
