import { parseArgs } from 'node:util';
import type { Mode } from './canned.ts';

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
  readonly json: boolean;
}

export const HELP = `Usage: pnpm bench [options]

Compares the CPU time per call and the calls per second of a bare node:http + undici proxy
with those of Sluice pipelines and of other proxies, in interleaved rounds. Loopback only.

  --quick            16 calls in flight only, about 75 seconds (otherwise 1, 16 and 64; about 6 minutes)
  --json             print the rows as JSON on stdout, and nothing else there
  --subjects <a,b>   only these (bare always runs along, it is what the others are compared with)
  --mode <mode>      only json or only sse
  --rounds <n>       exactly this many rounds, instead of as many as fit
  --help             print this
`;

/** Something wrong with how the benchmark was called. */
export class UsageError extends Error {}

/** Parses the command line; `undefined` when it asks for help. */
export function parseOptions(args: readonly string[], known: readonly string[]): Options | undefined {
  const values = parse(args);
  if (values.help) return undefined;
  const quick = values.quick ?? false;
  return {
    subjects: parseSubjects(values.subjects, known),
    modes: parseModes(values.mode),
    inFlights: quick ? [16] : [1, 16, 64],
    rounds: parseRounds(values.rounds),
    warmUpRounds: 4,
    warmUpMs: quick ? 20_000 : 60_000,
    maxGenerations: quick ? 3 : 6,
    measureMs: quick ? 70_000 : 360_000,
    giveUpMs: quick ? 110_000 : 1_800_000,
    quick,
    json: values.json ?? false,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean' },
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

function parseSubjects(list: string | undefined, known: readonly string[]): readonly string[] {
  if (list === undefined) return known;
  const asked = new Set(list.split(',').map((name) => name.trim()));
  for (const name of asked) {
    if (!known.includes(name)) throw new UsageError(`No subject '${name}'. There are: ${known.join(', ')}`);
  }
  return known.filter((name) => name === 'bare' || asked.has(name));
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
