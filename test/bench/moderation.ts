// How fast the word list of @sluice/moderation is: characters a second, and how its time grows with hostile input.
// Run: node test/bench/moderation.ts
import { compileWords } from '../../packages/plugins/moderation/src/words/compile.ts';
import { WordFinder } from '../../packages/plugins/moderation/src/words/word-finder.ts';
import { randomWords, TEXTS, textOf } from './moderation-words.ts';

/** User time of this process: other processes on the machine do not count. */
function milliseconds(work: () => void, runs = 9): number {
  const times = Array.from({ length: runs }, () => {
    const start = process.cpuUsage().user;
    work();
    return (process.cpuUsage().user - start) / 1_000;
  });
  return times.toSorted((a, b) => a - b)[runs >> 1] ?? Number.NaN;
}

const reading = { final: true, json: false };
compileWords([{ text: 'warm' }]);
for (const size of [10_000, 100_000]) {
  const entries = randomWords(size).map((text) => ({ text }));
  let compiled = compileWords(entries);
  const buildMs = milliseconds(() => (compiled = compileWords(entries)), 3);
  const bytes = Object.values(compiled).reduce<number>((sum, part) => {
    return sum + (ArrayBuffer.isView(part) ? part.byteLength : 0);
  }, 0);
  console.log(`${size} words: built in ${buildMs.toFixed(0)} ms, ${(bytes / 2 ** 20).toFixed(1)} MiB`);
  const finder = new WordFinder(compiled);
  for (const [name, make] of Object.entries(TEXTS)) {
    const given = textOf(make, 1_000_000);
    const ms = milliseconds(() => void finder.find(given, reading));
    console.log(`  ${name}: ${(given.length / ms / 1_000).toFixed(1)} M characters a second`);
  }
}

const finder = new WordFinder(
  compileWords([{ text: 'a'.repeat(40) + 'b' }, { text: '炸弹' }, { text: 'a b' }]),
);
const HOSTILE = {
  marks: 'a' + '\u0300\u0316'.repeat(100_000),
  'near misses': 'aaab'.repeat(50_000),
  spaces: 'a ' + ' '.repeat(200_000),
  escapes: '\\u006'.repeat(40_000),
  percents: '%'.repeat(200_000),
  entities: '&#x'.repeat(66_000),
  'zero width': '炸\u200b'.repeat(100_000),
};
for (const [name, given] of Object.entries(HOSTILE)) {
  const whole = milliseconds(() => void finder.find(given, { final: false, json: false }));
  const half = milliseconds(
    () => void finder.find(given.slice(0, given.length / 2), { final: false, json: false }),
  );
  console.log(
    `${name}: ${given.length} characters in ${whole.toFixed(1)} ms, ${(whole / half).toFixed(1)} times their half`,
  );
}
