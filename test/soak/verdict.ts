import type { OutcomeKind } from '@sluice/core';
import type { Sample } from './messages.ts';

/** Share of the samples, the first ones, in which caches, pools and compiled code still grow. */
const WARM_UP = 0.25;
/** Heap that a third may have more than another, beyond what it has anyway. */
const HEAP_MARGIN_BYTES = 3 << 20;
const HEAP_MARGIN = 0.15;

/** What a soak has come to. */
export interface Findings {
  readonly before: Sample;
  readonly samples: readonly Sample[];
  readonly after: Sample;
  /** Calls that the load made. */
  readonly calls: number;
  readonly outcomes: Readonly<Partial<Record<OutcomeKind, number>>>;
  /** Records of the audit log that say how a call ended, by how. */
  readonly recorded: Readonly<Partial<Record<OutcomeKind, number>>>;
  /** What the log's verification says. */
  readonly log: { readonly state: string; readonly problems: readonly unknown[] };
  readonly uncaught: readonly string[];
}

/** What is wrong, one sentence each. */
export function problemsOf(findings: Findings): string[] {
  const { before, after, calls, outcomes, recorded, log, uncaught } = findings;
  const problems = heapProblems(findings.samples);
  for (const [kind, count] of Object.entries(after.resources)) {
    const had = before.resources[kind] ?? 0;
    if (count > had) problems.push(`${kind}: ${had} before, ${count} after`);
  }
  if (before.files !== undefined && after.files !== undefined && after.files > before.files)
    problems.push(`file handles: ${before.files} before, ${after.files} after`);
  const ended = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
  if (ended !== calls) problems.push(`${calls} calls were made, and ${ended} have an outcome`);
  for (const kind of new Set([...Object.keys(outcomes), ...Object.keys(recorded)] as OutcomeKind[])) {
    if (outcomes[kind] !== recorded[kind])
      problems.push(
        `${outcomes[kind] ?? 0} calls ended as ${kind}, and ${recorded[kind] ?? 0} are in the log`,
      );
  }
  if (log.state !== 'intact') problems.push(`the audit log is ${log.state}: ${JSON.stringify(log.problems)}`);
  if (uncaught.length > 0)
    problems.push(`${uncaught.length} errors were caught by nobody: ${uncaught.slice(0, 3).join('; ')}`);
  return problems;
}

/** The middle of the last third beside that of the first: what a single collection has left says little. */
function heapProblems(samples: readonly Sample[]): string[] {
  const warm = samples.slice(Math.ceil(samples.length * WARM_UP)).map(({ heapBytes }) => heapBytes);
  const third = Math.floor(warm.length / 3);
  if (third < 3) return [`${samples.length} samples of the heap are too few to tell`];
  const first = median(warm.slice(0, third));
  const last = median(warm.slice(-third));
  if (last <= first + Math.max(HEAP_MARGIN_BYTES, first * HEAP_MARGIN)) return [];
  return [`the heap grows: ${megabytes(first)} at first, ${megabytes(last)} in the end`];
}

/** The middle one. */
function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** For people. */
export function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MB`;
}
