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
  cpuMs: number;
  calls: number;
  seconds: number;
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
const TURNS_PER_ROUND: Readonly<Record<Mode, number>> = { json: 3, sse: 4 };

/** One round of one cell: the subjects take turns, a few times each. */
export async function measureRound(
  subjects: readonly SubjectProcess[],
  cell: Cell,
  round: number,
  upstream: Upstream,
): Promise<readonly Sample[]> {
  const runners: Runner[] = [];
  try {
    for (const subject of subjects) {
      runners.push({
        subject,
        load: await openLoad(subject, cell, upstream),
        cpuMs: 0,
        calls: 0,
        seconds: 0,
      });
    }
    // Always round in a circle: who comes twice in a row would find its code in the caches still.
    if (round % 2 === 0) runners.reverse();
    for (let turn = 0; turn < TURNS_PER_ROUND[cell.mode]; turn += 1) {
      for (const runner of runners) await takeTurn(runner, cell);
    }
    return runners.map((runner) => toSample(runner, cell, round));
  } finally {
    for (const { load } of runners) load.close();
  }
}

async function takeTurn(runner: Runner, cell: Cell): Promise<void> {
  const { subject, load } = runner;
  await load.run(perSlot(CALLS_BEFORE_TURN, cell));
  const cpuMsBefore = await subject.cpuMs();
  const { calls, seconds } = await load.run(perSlot(CALLS_PER_TURN, cell));
  runner.cpuMs += (await subject.cpuMs()) - cpuMsBefore;
  runner.calls += calls;
  runner.seconds += seconds;
}

function toSample({ subject, cpuMs, calls, seconds }: Runner, cell: Cell, round: number): Sample {
  return {
    ...cell,
    subject: subject.name,
    round,
    cpuMsPerCall: cpuMs / calls,
    callsPerSecond: calls / seconds,
    coresUsed: cpuMs / 1000 / seconds,
  };
}

function openLoad(subject: SubjectProcess, cell: Cell, upstream: Upstream): Promise<Load> {
  return Load.open(subject.name, subject.port, EXCHANGES[cell.mode], cell.inFlight, upstream);
}

function perSlot(calls: Readonly<Record<Mode, number>>, cell: Cell): number {
  return Math.max(1, Math.round(calls[cell.mode] / cell.inFlight));
}
