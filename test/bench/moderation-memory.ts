// What a list of 100,000 words takes of memory at its peak, from the file to the automaton: each step in processes of
// its own, the median of their peaks. Run: node test/bench/moderation-memory.ts
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileWords } from '@sluice/moderation';
import { buildWords } from '../../packages/plugins/moderation/src/words/build.ts';
import { compileWords } from '../../packages/plugins/moderation/src/words/compile.ts';
import { randomWords } from './moderation-words.ts';

const RUNS = 5;
const SIZE = 100_000;
const STEPS = ['nothing', 'read', 'compile', 'build'] as const;

const [, , step, path] = process.argv;

if (step !== undefined && path !== undefined) {
  // The tables that every list shares are made by the first word.
  compileWords([{ text: 'warm' }]);
  if (step !== 'nothing') {
    const { entries } = await fileWords(path).load();
    const compiled =
      step === 'compile' ? compileWords(entries) : step === 'build' ? await buildWords(entries) : entries;
    if (compiled === undefined) throw new Error('nothing was built');
  }
  console.log(process.resourceUsage().maxRSS / 1_024);
} else {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-words-'));
  const list = join(folder, 'words.txt');
  writeFileSync(list, randomWords(SIZE).join('\n'));
  const peaks = STEPS.map((name) => {
    const runs = Array.from({ length: RUNS }, () =>
      Number(execFileSync(process.execPath, [import.meta.filename, name, list])),
    );
    return { name, runs: runs.toSorted((a, b) => a - b) };
  });
  const [nothing] = peaks.map(({ runs }) => runs[RUNS >> 1] ?? NaN);
  for (const { name, runs } of peaks) {
    const mib = (at: number): string => ((runs[at] ?? NaN) - (nothing ?? NaN)).toFixed(0);
    console.log(
      `${name}: ${mib(RUNS >> 1)} MiB more than nothing at the peak (${mib(0)} to ${mib(RUNS - 1)}), ${RUNS} runs`,
    );
  }
  rmSync(folder, { recursive: true });
}
