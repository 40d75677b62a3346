import { PINYIN } from '../text/data/pinyin.ts';
import { SIMPLIFIED } from '../text/data/simplified.ts';
import type { WordEntry } from './entry.ts';

/** Longest word that is spelled out: each character doubles the spellings. */
const MAX_CHARACTERS = 5;

let readings: Map<string, string> | undefined;

/** The most common reading of each character. */
function syllables(): Map<string, string> {
  if (readings !== undefined) return readings;
  readings = new Map();
  for (const [, syllable = '', characters = ''] of PINYIN.matchAll(/([a-z]+)([^a-z]+)/g)) {
    for (const character of characters.split('')) readings.set(character, syllable);
  }
  for (let i = 0; i < SIMPLIFIED.length; i += 2) {
    const syllable = readings.get(SIMPLIFIED.charAt(i + 1));
    if (syllable !== undefined) readings.set(SIMPLIFIED.charAt(i), syllable);
  }
  return readings;
}

/** A Chinese word with some or all of its characters in Latin letters: `zhadan`, `zha dan`, `zha弹`. */
export function spellings(entry: WordEntry): WordEntry[] {
  const characters = entry.text.split('');
  const spelled = characters.map((character) => syllables().get(character));
  if (characters.length < 2 || characters.length > MAX_CHARACTERS || spelled.includes(undefined)) return [];
  const entries: WordEntry[] = [];
  for (let mask = 1; mask < 1 << characters.length; mask++) {
    const text = characters
      .map((character, i) => ((mask & (1 << i)) === 0 ? character : ` ${spelled[i]} `))
      .join('');
    entries.push({ ...entry, text: text.trim() });
  }
  return entries;
}
