// What user's patterns cost in @sluice/moderation: 500 evil ones, each on every evil text of 100,000 characters.
// Run: node test/bench/patterns.ts
import { patternProblem } from '../../packages/plugins/moderation/src/patterns/compile-pattern.ts';
import { EVIL_PATTERNS, LENGTH, TEXTS } from '../../packages/plugins/moderation/tools/evil-patterns.ts';
import { PatternFinder } from '../../packages/plugins/moderation/src/patterns/pattern-finder.ts';

/** User time of this process: other processes on the machine do not count. The best of three: the collector runs at times. */
function milliseconds(work: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 3; run++) {
    const start = process.cpuUsage().user;
    work();
    best = Math.min(best, (process.cpuUsage().user - start) / 1_000);
  }
  return best;
}

const costs: { pattern: string; text: string; ms: number }[] = [];
let refused = 0;
let loading = 0;
for (const pattern of EVIL_PATTERNS) {
  const start = process.cpuUsage().user;
  const problem = patternProblem(pattern);
  loading = Math.max(loading, (process.cpuUsage().user - start) / 1_000);
  if (problem !== undefined) {
    refused++;
    continue;
  }
  const finder = new PatternFinder([{ name: 'p', pattern }]);
  for (const text of TEXTS) {
    const find = (given: string): void => void finder.find(given, { final: false, json: false });
    const ms = milliseconds(() => {
      find(text);
    });
    costs.push({ pattern, text: text.slice(0, 6), ms });
  }
}
costs.sort((a, b) => b.ms - a.ms);
const at = (share: number): string => (costs[Math.floor(costs.length * share)]?.ms ?? 0).toFixed(1);
console.log(
  `${EVIL_PATTERNS.length} patterns, ${refused} refused; checking the slowest one took ${loading.toFixed(0)} ms`,
);
console.log(`${costs.length} pairs on ${LENGTH} characters: median ${at(0.5)} ms, 99 % under ${at(0.01)} ms`);
for (const { pattern, text, ms } of costs.slice(0, 3)) {
  const given = TEXTS.find((one) => one.startsWith(text)) ?? '';
  const finder = new PatternFinder([{ name: 'p', pattern }]);
  const find = (times: number): number =>
    milliseconds(() => void finder.find(given.repeat(times), { final: false, json: false }));
  // Compiled and warm by now, so that only the length differs.
  find(4);
  const ratio = find(8) / find(4);
  console.log(
    `  ${ms.toFixed(1)} ms: ${pattern} on "${text}…"; twice the text takes ${ratio.toFixed(1)} times as long`,
  );
}
