import type { Options } from './options.ts';

/** Fewer rounds than this say nothing: a slow machine gets some more time for them. */
const MIN_ROUNDS = 3;

/** How often all subjects get new processes: not so often that most of the time goes into warming them up. */
export function generationsFor(options: Options, warmUpMs: number): number {
  const { rounds, maxGenerations, measureMs } = options;
  if (rounds !== undefined) return Math.min(rounds, maxGenerations);
  return Math.max(1, Math.min(maxGenerations, Math.floor(measureMs / (2 * warmUpMs))));
}

/** How far a run has come. */
export interface Progress {
  /** Share of all rounds that shall be over when the present generation ends. */
  readonly share: number;
  readonly rounds: number;
  readonly elapsedMs: number;
  /** How long the last round took. */
  readonly roundMs: number;
}

/** Whether the present generation has had its share of the rounds. */
export function isEnough(options: Options, { share, rounds, elapsedMs, roundMs }: Progress): boolean {
  if (options.rounds !== undefined) return rounds >= Math.ceil(options.rounds * share);
  const isLastChance = share === 1 && rounds < MIN_ROUNDS;
  // A busy machine may need half as long again for the next one.
  return elapsedMs + 1.5 * roundMs > (isLastChance ? options.giveUpMs : options.measureMs * share);
}
