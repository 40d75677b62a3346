import { EVENTS_PER_STREAM, type Mode } from './canned.ts';
import type { Conditions } from './conditions.ts';
import { baselineOf, isClient } from './kinds.ts';
import type { Sample, Spread } from './measure.ts';
import type { Memory } from './memory.ts';
import { median, quantile } from './quantile.ts';
import type { Results } from './run.ts';

export interface Row {
  readonly subject: string;
  readonly mode: Mode;
  readonly inFlight: number;
  readonly cpuMsPerCall: number;
  readonly callsPerSecond: number;
  /** How many cores the subject kept busy while it was its turn. */
  readonly cores: number;
  /** Of a proxy: CPU time per call compared with the bare proxy's, the median over the rounds. */
  readonly ratioToBare?: number;
  /** Of a client: CPU time per call compared with that of the SDK with its own `fetch`. */
  readonly ratioToGlobalFetch?: number;
  /** The first and third quartile of the ratio. */
  readonly middleHalf: readonly [number, number];
  readonly rounds: number;
  /** Of a proxy: from the first byte of the request to the last of the answer. */
  readonly latencyMs?: Spread;
  /** Of a proxy: to the first byte of the answer's body, and how much longer than with the bare proxy. */
  readonly firstEventMs?: FirstEvent;
}

export interface FirstEvent extends Spread {
  /** The median over the rounds of the difference to the bare proxy in the same round. */
  readonly addedP50: number;
  readonly addedP99: number;
}

export interface Report {
  readonly conditions: Conditions;
  readonly rows: readonly Row[];
  /** Proxies again, with streams that come at a pace, as those of models do, and leave the machine time. */
  readonly paced?: readonly Row[];
  /** Memory of live streams. */
  readonly memory?: readonly Memory[];
  /** What one observing stream hook costs. Missing unless `empty` and `observe` both ran with streams. */
  readonly hookMicrosecondsPerEvent?: number;
}

/** Sums up what was measured. */
export function toReport({ samples, memory }: Results, conditions: Conditions): Report {
  const groups = toGroups(samples);
  const isPaced = ([first]: Group): boolean => first.sample.paced && !isClient(first.sample.subject);
  const paced = groups.filter(isPaced);
  const hook = hookMicrosecondsPerEvent(samples);
  return {
    conditions,
    rows: groups.filter((group) => !isPaced(group)).map(summarise),
    ...(paced.length > 0 && { paced: paced.map(summarise) }),
    ...(memory.length > 0 && { memory }),
    ...(hook !== undefined && { hookMicrosecondsPerEvent: round(hook, 3) }),
  };
}

/** A sample of a subject, and that of what it is compared with, of the same round. */
interface Pair {
  readonly sample: Sample;
  readonly baseline: Sample | undefined;
}

/** The samples of one subject in one cell. */
type Group = readonly [Pair, ...Pair[]];

function toGroups(samples: readonly Sample[]): readonly Group[] {
  const keyOf = ({ mode, inFlight, paced }: Sample): string => `${mode} ${inFlight} ${paced}`;
  const byRound = new Map(samples.map((each) => [`${keyOf(each)} ${each.round} ${each.subject}`, each]));
  const pairs = samples.map((sample): Pair => {
    const baseline = byRound.get(`${keyOf(sample)} ${sample.round} ${baselineOf(sample.subject)}`);
    return { sample, baseline };
  });
  const byCell = Map.groupBy(pairs, ({ sample }) => keyOf(sample));
  return [...byCell.values()].flatMap(
    (cell) => [...Map.groupBy(cell, ({ sample }) => sample.subject).values()] as unknown as readonly Group[],
  );
}

function summarise(group: Group): Row {
  const [{ sample: first }] = group;
  const medianOf = (pick: (pair: Pair) => number): number => median(group.map(pick));
  const ratios = group.map(({ sample, baseline }) => sample.cpuMsPerCall / (baseline?.cpuMsPerCall ?? NaN));
  const ratio = round(median(ratios), 4);
  return {
    subject: first.subject,
    mode: first.mode,
    inFlight: first.inFlight,
    cpuMsPerCall: round(
      medianOf(({ sample }) => sample.cpuMsPerCall),
      5,
    ),
    callsPerSecond: round(
      medianOf(({ sample }) => sample.callsPerSecond),
      1,
    ),
    cores: round(
      medianOf(({ sample }) => sample.coresUsed),
      2,
    ),
    ...(isClient(first.subject) ? { ratioToGlobalFetch: ratio } : { ratioToBare: ratio }),
    middleHalf: [round(quantile(ratios, 0.25), 3), round(quantile(ratios, 0.75), 3)],
    rounds: group.length,
    ...(first.latencyMs !== undefined && {
      latencyMs: spread(group, (sample) => sample.latencyMs),
      firstEventMs: firstEvent(group),
    }),
  };
}

/** Medians over the rounds. */
function spread(group: Group, pick: (sample: Sample) => Spread | undefined): Spread {
  const of = (share: keyof Spread): number =>
    round(median(group.map(({ sample }) => pick(sample)?.[share] ?? NaN)), 3);
  return { p50: of('p50'), p99: of('p99') };
}

function firstEvent(group: Group): FirstEvent {
  const added = (share: keyof Spread): number =>
    round(
      median(
        group.map(
          ({ sample, baseline }) =>
            (sample.firstEventMs?.[share] ?? NaN) - (baseline?.firstEventMs?.[share] ?? NaN),
        ),
      ),
      3,
    );
  return {
    ...spread(group, (sample) => sample.firstEventMs),
    addedP50: added('p50'),
    addedP99: added('p99'),
  };
}

/** (cpu(observe) − cpu(empty)) / events: the median over the rounds, at 16 calls in flight. */
function hookMicrosecondsPerEvent(samples: readonly Sample[]): number | undefined {
  const streams = samples.filter(
    (sample) => sample.mode === 'sse' && sample.inFlight === 16 && !sample.paced,
  );
  const empty = new Map(
    streams
      .filter((sample) => sample.subject === 'empty')
      .map((sample) => [sample.round, sample.cpuMsPerCall]),
  );
  const observe = streams.filter((sample) => sample.subject === 'observe');
  if (empty.size === 0 || observe.length === 0) return undefined;
  const extraMs = observe.map((sample) => sample.cpuMsPerCall - (empty.get(sample.round) ?? NaN));
  return (median(extraMs) * 1000) / EVENTS_PER_STREAM;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
