import { EXCHANGES, type Mode } from './canned.ts';
import type { SubjectProcess } from './child.ts';
import { Load } from './load.ts';
import type { Upstream } from './upstream.ts';

/** A combination that every subject is measured in. */
export interface Cell {
  readonly mode: Mode;
  readonly inFlight: number;
}

/** What one subject did in one round of one cell. */
export interface Sample extends Cell {
  readonly subject: string;
  readonly round: number;
  readonly cpuMsPerCall: number;
  readonly callsPerSecond: number;
  /** How many cores the subject kept busy while it was its turn. */
  readonly coresUsed: number;
}

/** One subject within a round. */
interface Runner {
  readonly subject: SubjectProcess;
  readonly load: Load;
  cpuMsBefore: number;
  calls: number;
  seconds: number;
}

/**
 * How many calls a subject makes when it is its turn. A turn is short (about 15 ms), because the disturbances of a
 * shared machine last longer than that and so hit all subjects alike. Counted, not timed: a call that starts late in
 * a turn would run with fewer companions than the others.
 */
const CALLS_PER_TURN: Readonly<Record<Mode, number>> = { json: 128, sse: 16 };

/** So many that each round has its share of garbage collections, which the median over the rounds would hide else. */
const TURNS_PER_ROUND: Readonly<Record<Mode, number>> = { json: 12, sse: 24 };

function callsPerSlot(cell: Cell): number {
  return Math.max(1, Math.round(CALLS_PER_TURN[cell.mode] / cell.inFlight));
}

/**
 * One round of one cell: the subjects take turns, a few times each, and their CPU clocks are read before the first
 * turn and after the last. In between a subject without calls uses no CPU time, so nothing has to be read then.
 */
export async function measureRound(
  subjects: readonly SubjectProcess[],
  cell: Cell,
  round: number,
  upstream: Upstream,
): Promise<readonly Sample[]> {
  const perSlot = callsPerSlot(cell);
  const runners: Runner[] = [];
  try {
    for (const subject of subjects) {
      const load = await openLoad(subject, cell, upstream);
      runners.push({ subject, load, cpuMsBefore: 0, calls: 0, seconds: 0 });
    }
    // The first turn opens the connections to the upstream and does not count.
    for (const { load } of runners) await load.run(perSlot);
    for (const runner of runners) runner.cpuMsBefore = await runner.subject.cpuMs();
    const turns = TURNS_PER_ROUND[cell.mode];
    for (let turn = 0; turn < turns; turn += 1) await takeTurns(runners, perSlot, round + turn);
    return await Promise.all(runners.map((runner) => toSample(runner, cell, round)));
  } finally {
    for (const { load } of runners) load.close();
  }
}

async function takeTurns(runners: readonly Runner[], perSlot: number, turn: number): Promise<void> {
  // To and fro, so that nobody always comes after the same neighbour.
  const order = turn % 2 === 0 ? runners : runners.toReversed();
  for (const runner of order) {
    const { calls, seconds } = await runner.load.run(perSlot);
    runner.calls += calls;
    runner.seconds += seconds;
  }
}

async function toSample(runner: Runner, cell: Cell, round: number): Promise<Sample> {
  const cpuMs = (await runner.subject.cpuMs()) - runner.cpuMsBefore;
  return {
    ...cell,
    subject: runner.subject.name,
    round,
    cpuMsPerCall: cpuMs / runner.calls,
    callsPerSecond: runner.calls / runner.seconds,
    coresUsed: cpuMs / 1000 / runner.seconds,
  };
}

/** Lets one subject work for some turns without looking at it, until its code is compiled and its heap has grown. */
export async function warmUp(
  subject: SubjectProcess,
  cell: Cell,
  upstream: Upstream,
  turns: number,
): Promise<void> {
  const load = await openLoad(subject, cell, upstream);
  try {
    for (let turn = 0; turn < turns; turn += 1) await load.run(callsPerSlot(cell));
  } finally {
    load.close();
  }
}

function openLoad(subject: SubjectProcess, cell: Cell, upstream: Upstream): Promise<Load> {
  return Load.open(subject.name, subject.port, EXCHANGES[cell.mode], cell.inFlight, upstream);
}
