import type { Mode } from './canned.ts';
import { takesPart, type Cell } from './cells.ts';
import { SubjectError, type SubjectProcess } from './child.ts';
import { ClientLoad } from './client-load.ts';
import { isClient } from './kinds.ts';
import { Load, type LoadResult } from './load.ts';
import { median, quantile } from './quantile.ts';
import type { Upstream } from './upstream.ts';

/** A median and the value that 99 of 100 stay below, in milliseconds. */
export interface Spread {
  readonly p50: number;
  readonly p99: number;
}

/** What one subject did in one round of one cell. */
export interface Sample extends Cell {
  readonly subject: string;
  readonly round: number;
  readonly cpuMsPerCall: number;
  readonly callsPerSecond: number;
  /** How many cores the subject kept busy while it was its turn. */
  readonly coresUsed: number;
  /** Missing for clients: what they wait for is mostly the pace of the upstream. */
  readonly latencyMs?: Spread;
  readonly firstEventMs?: Spread;
}

/** One subject within a round. */
interface Runner {
  readonly subject: SubjectProcess;
  readonly turns: LoadResult[];
  cpuMs: number;
}

/**
 * How many calls a subject makes when it is its turn. A turn is short (about 50 ms), because the disturbances of a
 * shared machine mostly last longer than that and so hit all subjects alike. Counted, not timed: a call that starts
 * late in a turn would run with fewer companions than the others.
 */
const CALLS_PER_TURN: Readonly<Record<Mode, number>> = { json: 256, sse: 48 };

/** Before that it makes some that do not count: they open connections and bring its code back into the caches. */
const CALLS_BEFORE_TURN: Readonly<Record<Mode, number>> = { json: 32, sse: 16 };

/** So many that each round has its share of garbage collections; else the median over the rounds would hide them. */
const TURNS_PER_ROUND: Readonly<Record<Mode, number>> = { json: 8, sse: 2 };

/** Waiting is most of a paced stream, and it disturbs nobody. */
const PACED_CALLS_PER_TURN = 64;
const PACED_TURNS_PER_ROUND = 1;

/** Who is so slow that a turn would take longer makes fewer calls, or the others would have to wait for it. */
const MAX_TURN_MS = 400;

/** One round of one cell: the subjects that take part take turns, a few times each. */
export async function measureRound(
  subjects: readonly SubjectProcess[],
  cell: Cell,
  round: number,
  upstream: Upstream,
  full: boolean,
): Promise<readonly Sample[]> {
  const runners = subjects
    .filter(({ name }) => takesPart(name, cell, full))
    .map((subject): Runner => ({ subject, turns: [], cpuMs: 0 }));
  // Always round in a circle: who comes twice in a row would find its code in the caches still.
  if (round % 2 === 0) runners.reverse();
  const turns = cell.paced ? PACED_TURNS_PER_ROUND : TURNS_PER_ROUND[cell.mode];
  for (let turn = 0; turn < turns; turn += 1) {
    for (const runner of runners) await blaming(runner.subject, () => takeTurn(runner, cell, upstream));
  }
  return runners.map((runner) => toSample(runner, cell, round));
}

/** What goes wrong in `work` is this subject's. */
async function blaming<T>(subject: SubjectProcess, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new SubjectError(subject.name, error);
  }
}

async function takeTurn(runner: Runner, cell: Cell, upstream: Upstream): Promise<void> {
  const { subject, turns } = runner;
  // Opened anew: a peer may close connections that wait for the others' turns.
  const load = isClient(subject.name)
    ? new ClientLoad(subject, cell)
    : await Load.open(subject, cell, upstream);
  try {
    const before = await load.run(perSlot(CALLS_BEFORE_TURN[cell.mode], cell));
    const fitting = (before.calls / before.seconds) * (MAX_TURN_MS / 1000);
    const calls = cell.paced ? PACED_CALLS_PER_TURN : Math.min(CALLS_PER_TURN[cell.mode], fitting);
    const cpuMsBefore = await subject.cpuMs();
    turns.push(await load.run(perSlot(calls, cell)));
    runner.cpuMs += (await subject.cpuMs()) - cpuMsBefore;
  } finally {
    load.close();
  }
}

function toSample({ subject, cpuMs, turns }: Runner, cell: Cell, round: number): Sample {
  const calls = turns.reduce((sum, turn) => sum + turn.calls, 0);
  const seconds = turns.reduce((sum, turn) => sum + turn.seconds, 0);
  const latencies = turns.flatMap((turn) => turn.latenciesMs);
  const firstEvents = turns.flatMap((turn) => turn.firstEventsMs);
  return {
    ...cell,
    subject: subject.name,
    round,
    cpuMsPerCall: cpuMs / calls,
    callsPerSecond: calls / seconds,
    coresUsed: cpuMs / 1000 / seconds,
    ...(latencies.length > 0 && { latencyMs: spreadOf(latencies), firstEventMs: spreadOf(firstEvents) }),
  };
}

function spreadOf(values: readonly number[]): Spread {
  return { p50: median(values), p99: quantile(values, 0.99) };
}

function perSlot(calls: number, cell: Cell): number {
  return Math.max(1, Math.round(calls / cell.inFlight));
}
