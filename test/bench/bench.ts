import { readdirSync } from 'node:fs';
import { killSubjects, SubjectProcess } from './child.ts';
import { measureRound, warmUp, type Cell, type Sample } from './measure.ts';
import { HELP, parseOptions, UsageError, type Options } from './options.ts';
import { isAvailable } from './peers.ts';
import { toReport, toTable } from './report.ts';
import { Upstream } from './upstream.ts';

/** Fewer rounds than this say nothing: a slow machine gets some more time for them. */
const MIN_ROUNDS = 3;

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
    else say(`${name} is left out: its packages could not be installed.`);
  }
  return available;
}

async function run(options: Options, startMs: number): Promise<readonly Sample[]> {
  const names = await availableSubjects(options);
  const upstream = await Upstream.listen();
  try {
    const subjects: SubjectProcess[] = [];
    for (const name of names) subjects.push(await SubjectProcess.start(name, upstream.url));
    const cells = options.modes.flatMap((mode) =>
      options.inFlights.map((inFlight): Cell => ({ mode, inFlight })),
    );
    for (const subject of subjects) {
      say(`Warming up ${subject.name}`);
      for (const cell of cells) await warmUp(subject, cell, upstream, options.warmUpTurns);
    }
    return await measure(subjects, cells, upstream, options, startMs);
  } finally {
    upstream.close();
    killSubjects();
  }
}

async function measure(
  subjects: readonly SubjectProcess[],
  cells: readonly Cell[],
  upstream: Upstream,
  options: Options,
  startMs: number,
): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  let roundMs = 0;
  const isEnough = (rounds: number): boolean => {
    if (options.rounds !== undefined) return rounds >= options.rounds;
    const endMs = performance.now() - startMs + roundMs;
    return rounds > 0 && endMs > (rounds < MIN_ROUNDS ? options.giveUpMs : options.measureMs);
  };
  for (let round = 0; !isEnough(round); round += 1) {
    say(`Round ${round + 1}`);
    const roundStartMs = performance.now();
    for (const cell of cells) {
      samples.push(...(await measureRound(subjects, cell, round, upstream)));
    }
    roundMs = performance.now() - roundStartMs;
  }
  return samples;
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
