// How often the word list of @sluice/moderation finds what is not there, in all the English and Chinese prose on this
// machine: documents of the installed packages, comments in their declarations, and messages of the system's programs in
// both languages. They are read where they lie; nothing is copied. Run: node test/bench/moderation-benign.ts
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chineseLines, englishDocuments } from '../../packages/plugins/moderation/tools/benign-text.ts';
import {
  chineseFalseFinds,
  englishFalseFinds,
  type FalseFinds,
  isProse,
} from '../../packages/plugins/moderation/tools/false-finds.ts';

const STORE = join(import.meta.dirname, '../../node_modules/.pnpm');
const LOCALES = '/usr/share/locale';

/** The messages of a catalogue in GNU's binary form, each with its translation. */
function messagesOf(path: string): string[] {
  const file = readFileSync(path);
  if (file.readUInt32LE(0) !== 0x95_04_12_de) return [];
  const texts: string[] = [];
  for (const table of [file.readUInt32LE(12), file.readUInt32LE(16)]) {
    // The first one is about the catalogue itself.
    for (let i = 1; i < file.readUInt32LE(8); i++) {
      const start = file.readUInt32LE(table + i * 8 + 4);
      texts.push(file.toString('utf8', start, start + file.readUInt32LE(table + i * 8)));
    }
  }
  return texts;
}

/** Comments of declarations, as lines. */
function commentsOf(path: string): string[] {
  const comments = readFileSync(path, 'utf8').match(/\/\*\*[^]*?\*\//g) ?? [];
  return comments.flatMap((comment) =>
    comment.split('\n').map((line) => line.replace(/^\s*\/?\*+\/?/, '').trim()),
  );
}

const messages = existsSync(LOCALES)
  ? globSync('zh_*/LC_MESSAGES/*.mo', { cwd: LOCALES }).flatMap((path) => messagesOf(join(LOCALES, path)))
  : [];
const comments = globSync('*/node_modules/{*,@*/*}/**/*.d.{ts,mts,cts}', { cwd: STORE }).flatMap((path) =>
  commentsOf(join(STORE, path)),
);
const lines = messages.flatMap((text) => text.split(/[\n\0]/));
const isChinese = (line: string): boolean => /\p{Script=Han}/u.test(line);
const english = [...englishDocuments().flat(), ...comments, ...lines].filter(
  (line) => !isChinese(line) && isProse(line),
);
const CORPORA: readonly (readonly [
  string,
  readonly string[],
  (given: readonly string[], read: readonly string[]) => FalseFinds,
])[] = [
  ['English', [...new Set(english)], englishFalseFinds],
  ['Chinese', [...new Set([...chineseLines(), ...lines.filter(isChinese)])], chineseFalseFinds],
];
for (const [language, texts, falseFinds] of CORPORA) {
  for (const which of [0, 1]) {
    const read = texts.filter((_, i) => i % 2 === which);
    const { listed, found } = falseFinds(
      texts.filter((_, i) => i % 2 !== which),
      read,
    );
    const bytes = read.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    console.log(
      `${language}, half ${which}: ${(bytes / 2 ** 20).toFixed(1)} MiB in ${read.length} texts, ${listed.length} words that ` +
        `they do not hold; ${found.length} finds, ${((found.length / read.length) * 100).toFixed(3)} % of texts`,
    );
    if (found.length > 0) console.log(`  ${[...new Set(found)].slice(0, 12).join(' | ')}`);
  }
}
