import { readdirSync } from 'node:fs';
import { killSubjects, SubjectProcess } from './child.ts';
import { measureRound, type Cell, type Sample } from './measure.ts';
import { HELP, parseOptions, UsageError, type Options } from './options.ts';
import { isAvailable } from './peers.ts';
import { generationsFor, isEnough, type Progress } from './plan.ts';
import { toReport, toTable } from './report.ts';
import { Upstream } from './upstream.ts';

const QUICK_INSTALL_MS = 20_000;
const INSTALL_MS = 120_000;

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Every file in `subjects/` is a subject; the bare proxy comes first, and the empty pipeline next to it. */
function knownSubjects(): readonly string[] {
  const names = readdirSync(new URL('subjects', import.meta.url))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -'.ts'.length))
    .toSorted();
  const first = ['bare', 'empty', 'observe'].filter((name) => names.includes(name));
  return [...first, ...names.filter((name) => !first.includes(name))];
}

async function availableSubjects(options: Options): Promise<readonly string[]> {
  const available: string[] = [];
  for (const name of options.subjects) {
    if (await isAvailable(name, options.quick ? QUICK_INSTALL_MS : INSTALL_MS)) available.push(name);
    else say(`${name} is left out: what it needs could not be installed.`);
  }
  return available;
}

/**
 * Measures in generations. Two processes of the same program can differ by several percent for as long as they live
 * (in what the compiler chose, and where things happen to lie in memory), so one process each would not do.
 */
async function run(options: Options, startMs: number): Promise<readonly Sample[]> {
  const names = await availableSubjects(options);
  const cells = options.modes.flatMap((mode) =>
    options.inFlights.map((inFlight): Cell => ({ mode, inFlight })),
  );
  const upstream = await Upstream.listen();
  const samples: Sample[] = [];
  let rounds = 0;
  let generations = 1;
  try {
    for (let generation = 1; generation <= generations; generation += 1) {
      const subjects = await Promise.all(names.map((name) => SubjectProcess.start(name, upstream.url)));
      const warmUpMs = await warmUp(subjects, cells, upstream, options);
      if (generation === 1) generations = generationsFor(options, warmUpMs);
      let progress: Progress;
      do {
        rounds += 1;
        say(`Round ${rounds}`);
        const roundStartMs = performance.now();
        for (const cell of cells) samples.push(...(await measureRound(subjects, cell, rounds, upstream)));
        const nowMs = performance.now();
        const share = generation / generations;
        progress = { share, rounds, elapsedMs: nowMs - startMs, roundMs: nowMs - roundStartMs };
      } while (!isEnough(options, progress));
      killSubjects();
    }
    return samples;
  } finally {
    upstream.close();
    killSubjects();
  }
}

/** Rounds that do not count. All subjects take part in turns, or those that are ready early would cool down again. */
async function warmUp(
  subjects: readonly SubjectProcess[],
  cells: readonly Cell[],
  upstream: Upstream,
  options: Options,
): Promise<number> {
  say('Warming up');
  const startMs = performance.now();
  let passedMs = 0;
  for (let round = 1; round <= options.warmUpRounds && passedMs < options.warmUpMs; round += 1) {
    for (const cell of cells) await measureRound(subjects, cell, round, upstream);
    passedMs = performance.now() - startMs;
  }
  return passedMs;
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2), knownSubjects());
  if (!options) {
    process.stdout.write(HELP);
    return;
  }
  const startMs = performance.now();
  const giveUp = setTimeout(() => {
    say('The benchmark takes too long and is given up.');
    process.exit(1);
  }, options.giveUpMs);
  giveUp.unref();
  const samples = await run(options, startMs);
  process.stdout.write(options.json ? `${JSON.stringify(toReport(samples), null, 2)}\n` : toTable(samples));
}

process.on('exit', killSubjects);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

try {
  await main();
} catch (error) {
  if (error instanceof UsageError) say(`${error.message}\n\n${HELP}`);
  else say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
