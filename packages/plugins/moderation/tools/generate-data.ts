// Writes src/text/data/*.ts. Run it where `opencc-js`, `unhomoglyph` and `pinyin-pro` are installed:
//   node generate-data.ts <folder of the data files>
// What it writes is data of OpenCC (Apache-2.0), of Unicode's UTS #39 (Unicode License v3) and of pinyin-pro (MIT).
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [, , folder = '.'] = process.argv;
const require = createRequire(join(process.cwd(), 'package.json'));
const { Converter } = require('opencc-js');
const confusables = require('unhomoglyph/data.json');
const { pinyin } = require('pinyin-pro');

const LIKE_LATIN =
  /[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Coptic}\p{Script=Lisu}\p{Script=Canadian_Aboriginal}]/u;
const HAN = /\p{Script=Han}/u;

/** A file with one string constant, in lines that an editor can show. */
function write(name: string, constant: string, comment: string, text: string): void {
  const characters = Array.from(text);
  const lines: string[] = [];
  while (characters.length > 0)
    lines.push(`  '${characters.splice(0, 100).join('').replaceAll("'", "\\'")}'`);
  const value = `[\n${lines.join(',\n')},\n].join('')`;
  writeFileSync(join(folder, name), `/** ${comment} */\nexport const ${constant}: string = ${value};\n`);
}

const simplify = Converter({ from: 't', to: 'cn' });
let pairs = '';
for (let unit = 0x3400; unit < 0xa000; unit++) {
  const from = String.fromCharCode(unit);
  const to: string = simplify(from);
  if (to !== from && to.length === 1) pairs += from + to;
}
write(
  'simplified.ts',
  'SIMPLIFIED',
  'Pairs of a traditional and a simplified character. From OpenCC (Apache-2.0).',
  pairs,
);

const byLetter = new Map<string, string>();
for (const [from, to] of Object.entries(confusables as Record<string, string>)) {
  if (!/^[A-Za-z]$/.test(to) || from.length !== 1 || from.charCodeAt(0) < 0x80) continue;
  // What normalisation alone makes a Latin letter needs no entry; marks and signs would hit what is no letter.
  if (!/^\p{L}$/u.test(from) || /[a-z]/i.test(from.normalize('NFKD'))) continue;
  // Letters of other scripts look like Latin ones by chance, and never stand in a Latin word.
  if (!LIKE_LATIN.test(from)) continue;
  const letter = to.toLowerCase();
  byLetter.set(letter, (byLetter.get(letter) ?? '') + from);
}
const letters = [...byLetter]
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([letter, all]) => letter + all + ' ')
  .join('');
write(
  'lookalikes.ts',
  'LOOKALIKES',
  'A Latin letter, then letters that look like it, then a space. From UTS #39 (Unicode License v3).',
  letters.trim(),
);

const bySyllable = new Map<string, string>();
for (let unit = 0x4e00; unit < 0xa000; unit++) {
  const character = String.fromCharCode(unit);
  if (!HAN.test(character) || simplify(character) !== character) continue;
  // All readings: which one a word has is not told by its characters.
  const all: string[] = pinyin(character, { toneType: 'none', v: true, multiple: true, type: 'array' });
  for (const syllable of new Set(all)) {
    if (/^[a-z]{1,6}$/.test(syllable)) bySyllable.set(syllable, (bySyllable.get(syllable) ?? '') + character);
  }
}
const syllables = [...bySyllable]
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([syllable, all]) => syllable + all)
  .join('');
write(
  'pinyin.ts',
  'PINYIN',
  'A syllable in Latin letters, then the simplified characters that are read so. From pinyin-pro (MIT).',
  syllables,
);
