import { EVENTS_PER_STREAM, type Mode } from './canned.ts';
import type { Sample } from './measure.ts';

export interface Row {
  readonly subject: string;
  readonly mode: Mode;
  readonly inFlight: number;
  readonly cpuMsPerCall: number;
  readonly callsPerSecond: number;
  /** CPU time per call compared with the bare proxy's: the median over the rounds. */
  readonly ratioToBare: number;
}

export interface Report {
  readonly rows: readonly Row[];
  /** What one observing stream hook costs. Missing unless `empty` and `observe` both ran with streams. */
  readonly hookMicrosecondsPerEvent?: number;
}

/** Sums the samples up for machines. */
export function toReport(samples: readonly Sample[]): Report {
  const rows = toGroups(samples).map(summarise);
  const hook = hookMicrosecondsPerEvent(samples);
  return hook === undefined ? { rows } : { rows, hookMicrosecondsPerEvent: round(hook, 3) };
}

/** Sums the samples up for people. */
export function toTable(samples: readonly Sample[]): string {
  const header = [
    'mode',
    'in flight',
    'CPU ms/call',
    'calls/s',
    'cores',
    'CPU / bare',
    'middle half',
    'rounds',
  ];
  const lines = toGroups(samples).map((group) => {
    const row = summarise(group);
    const ratios = ratiosToBare(group);
    return [
      row.subject,
      row.mode,
      String(row.inFlight),
      row.cpuMsPerCall.toFixed(4),
      row.callsPerSecond.toFixed(0),
      median(group.own.map((sample) => sample.coresUsed)).toFixed(2),
      row.ratioToBare.toFixed(3),
      row.subject === 'bare'
        ? ''
        : `${quantile(ratios, 0.25).toFixed(3)}–${quantile(ratios, 0.75).toFixed(3)}`,
      String(group.own.length),
    ];
  });
  const hook = hookMicrosecondsPerEvent(samples);
  const footer = hook === undefined ? '' : `\nOne observing stream hook: ${hook.toFixed(2)} µs per event\n`;
  return `${align([['subject', ...header], ...lines])}${footer}`;
}

/** The samples of one subject in one cell, and those of the bare proxy in the same rounds. */
interface Group {
  readonly own: readonly Sample[];
  readonly bare: readonly Sample[];
}

function toGroups(samples: readonly Sample[]): readonly Group[] {
  const byCell = Map.groupBy(samples, (sample) => `${sample.mode} ${sample.inFlight}`);
  return [...byCell.values()].flatMap((cell) => {
    const bySubject = Map.groupBy(cell, (sample) => sample.subject);
    const bare = bySubject.get('bare') ?? [];
    return [...bySubject.values()].map((own) => ({ own, bare }));
  });
}

function ratiosToBare({ own, bare }: Group): readonly number[] {
  return own.map((sample, round) => sample.cpuMsPerCall / (bare[round]?.cpuMsPerCall ?? Number.NaN));
}

function summarise(group: Group): Row {
  const [first] = group.own;
  if (!first) throw new Error('a row without samples');
  return {
    subject: first.subject,
    mode: first.mode,
    inFlight: first.inFlight,
    cpuMsPerCall: round(median(group.own.map((sample) => sample.cpuMsPerCall)), 5),
    callsPerSecond: round(median(group.own.map((sample) => sample.callsPerSecond)), 1),
    ratioToBare: round(median(ratiosToBare(group)), 4),
  };
}

/** (cpu(observe) − cpu(empty)) / events: the median over the rounds, at 16 calls in flight. */
function hookMicrosecondsPerEvent(samples: readonly Sample[]): number | undefined {
  const streams = samples.filter((sample) => sample.mode === 'sse' && sample.inFlight === 16);
  const empty = streams.filter((sample) => sample.subject === 'empty');
  const observe = streams.filter((sample) => sample.subject === 'observe');
  if (empty.length === 0 || observe.length === 0) return undefined;
  const extraMs = observe.map(
    (sample, round) => sample.cpuMsPerCall - (empty[round]?.cpuMsPerCall ?? Number.NaN),
  );
  return (median(extraMs) * 1000) / EVENTS_PER_STREAM;
}

function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** Aligns a table: words to the left, numbers to the right. */
function align(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  const pad = (cell: string, column: number): string => {
    const width = widths[column] ?? 0;
    return column < 2 ? cell.padEnd(width) : cell.padStart(width);
  };
  return lines.map((line) => `${line.map(pad).join('  ').trimEnd()}\n`).join('');
}
