import { parseArgs } from 'node:util';
import type { Mode } from './canned.ts';
import { baselineOf } from './kinds.ts';

/** What one run of the benchmark shall measure. */
export interface Options {
  readonly subjects: readonly string[];
  readonly modes: readonly Mode[];
  readonly inFlights: readonly number[];
  /** A fixed number of rounds; without it, as many as fit into `measureMs`. */
  readonly rounds: number | undefined;
  /** How many rounds do not count, because code is still being compiled and heaps still grow. */
  readonly warmUpRounds: number;
  /** They stop early when they take longer than this. */
  readonly warmUpMs: number;
  /** How often every subject gets a new process, if there is time for it. */
  readonly maxGenerations: number;
  /** When no new round starts any more, counted from the start of the run. */
  readonly measureMs: number;
  /** When the run is given up, counted from its start. */
  readonly giveUpMs: number;
  readonly quick: boolean;
  /** The standard pipeline beside its peers, with latencies, streams at the pace of a model, and memory. */
  readonly full: boolean;
  /** Whether the results are written into the repository. */
  readonly save: boolean;
  readonly json: boolean;
}

export const HELP = `Usage: pnpm bench [options]

Compares the CPU time per call and the calls per second of a bare node:http + undici proxy
with those of Sluice pipelines and of other proxies, in interleaved rounds. Loopback only.

  --quick            the main subjects only, 16 calls in flight only, about 100 seconds (otherwise at 1, 16 and 64;
                     about 6 minutes)
  --full             the standard pipeline beside its peers, and the SDK with and without it; also the time to the
                     first event, and the memory of 4,000 live streams; about 11 minutes
  --save             with --full: write table, charts and JSON to test/bench/results
  --json             print the rows as JSON on stdout, and nothing else there
  --subjects <a,b>   only these (what they are compared with always runs along)
  --mode <mode>      only json or only sse
  --rounds <n>       exactly this many rounds, instead of as many as fit
  --help             print this
`;

/** What `--full` is about, in the order of its tables. */
const FULL_SUBJECTS: readonly string[] = [
  'bare',
  'empty',
  'standard',
  'standard-redis',
  'cache-hit',
  'standard-cache-hit',
  'reply-from',
  'portkey',
  'sdk-global-fetch',
  'sdk-pipeline',
];

/** Few enough that each gets the ten thousands of calls after which its code is compiled as it stays. */
const QUICK_SUBJECTS: readonly string[] = ['bare', 'empty', 'cache-hit', 'reply-from', 'retry', 'standard'];

/** Slow, waiting for most of the time, or near to another one: they run with `--full`, or when somebody asks for them. */
const ONLY_WHEN_ASKED: ReadonlySet<string> = new Set([
  'standard-redis',
  'standard-cache-hit',
  'portkey',
  'sdk-global-fetch',
  'sdk-pipeline',
]);

/**
 * How long each kind of run takes; see {@link Options}. A process gets faster during its first forty thousand calls, the
 * more so the more code it has: short runs spend half of their time on that, and have no time for a second generation.
 */
const TIMES = {
  quick: { warmUpRounds: 20, warmUpMs: 45_000, maxGenerations: 1, measureMs: 100_000, giveUpMs: 115_000 },
  normal: { warmUpRounds: 4, warmUpMs: 60_000, maxGenerations: 6, measureMs: 360_000, giveUpMs: 1_800_000 },
  full: { warmUpRounds: 20, warmUpMs: 180_000, maxGenerations: 1, measureMs: 500_000, giveUpMs: 840_000 },
} as const;

/** Something wrong with how the benchmark was called. */
export class UsageError extends Error {}

/** Parses the command line; `undefined` when it asks for help. */
export function parseOptions(args: readonly string[], known: readonly string[]): Options | undefined {
  const { help = false, quick = false, full = false, save = false, json = false, ...values } = parse(args);
  if (help) return undefined;
  if (quick && full) throw new UsageError('Take --quick or --full, and not both.');
  if (save && !full)
    throw new UsageError('Only what --full measures is saved; add --full, or leave out --save.');
  if (save && (values.subjects !== undefined || values.mode !== undefined))
    throw new UsageError('A part of the results is not saved; leave out --save, or --subjects and --mode.');
  return {
    subjects: parseSubjects(
      values.subjects,
      known,
      quick ? QUICK_SUBJECTS : full ? FULL_SUBJECTS : undefined,
    ),
    modes: parseModes(values.mode),
    inFlights: quick ? [16] : [1, 16, 64],
    rounds: parseRounds(values.rounds),
    ...TIMES[quick ? 'quick' : full ? 'full' : 'normal'],
    quick,
    full,
    save,
    json,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean' },
        full: { type: 'boolean' },
        save: { type: 'boolean' },
        json: { type: 'boolean' },
        subjects: { type: 'string' },
        mode: { type: 'string' },
        rounds: { type: 'string' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function parseSubjects(
  list: string | undefined,
  known: readonly string[],
  usual: readonly string[] = known.filter((name) => !ONLY_WHEN_ASKED.has(name)),
): readonly string[] {
  if (list === undefined) return usual;
  const asked = new Set(list.split(',').map((name) => name.trim()));
  for (const name of asked) {
    if (!known.includes(name)) throw new UsageError(`No subject '${name}'. There are: ${known.join(', ')}`);
  }
  const wanted = new Set(['bare', ...asked, ...Array.from(asked, baselineOf)]);
  return known.filter((name) => wanted.has(name));
}

function parseModes(mode: string | undefined): readonly Mode[] {
  if (mode === undefined) return ['json', 'sse'];
  if (mode === 'json' || mode === 'sse') return [mode];
  throw new UsageError(`--mode is json or sse, not '${mode}'`);
}

function parseRounds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const rounds = Number(text);
  if (Number.isInteger(rounds) && rounds >= 1 && rounds <= 1000) return rounds;
  throw new UsageError(`--rounds is a whole number from 1 to 1000, not '${text}'`);
}
