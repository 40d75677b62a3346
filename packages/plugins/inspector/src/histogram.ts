import { RollingRow } from './rolling.ts';

/** Parts of each doubling: a quantile is off by a sixteenth at most. */
const PARTS = 8;
/** From an eighth of a millisecond up to 2²² ms, 70 minutes: longer than a call may take. */
const DOUBLINGS = 22;
const BUCKETS = PARTS * (DOUBLINGS + 1);
/** Buckets that one bar of the drawing has. */
const PER_BAR = PARTS / 2;

/** One bar of a drawn histogram. */
export interface Bar {
  /** Where it begins, in milliseconds. */
  readonly fromMs: number;
  /** Where it ends. */
  readonly toMs: number;
  /** Times in it. */
  readonly count: number;
}

/** What is shown of a histogram. */
export interface HistogramView {
  /** Times in it. */
  readonly count: number;
  /** The quantiles, in milliseconds; undefined without any time. */
  readonly p50: number | undefined;
  readonly p95: number | undefined;
  readonly p99: number | undefined;
  /** Bars from the first with any time to the last. */
  readonly bars: readonly Bar[];
}

/** Times of the last five minutes, in buckets that grow with the time, as in an HDR histogram. */
export class Histogram {
  readonly #row = new RollingRow(BUCKETS);

  /** Takes a time in. */
  record(ms: number, now: number): void {
    this.#row.add(bucketOf(ms), now);
  }

  /** What is shown of it. */
  view(now: number): HistogramView {
    const counts = this.#row.totals(now);
    const count = counts.reduce((sum, n) => sum + n, 0);
    const quantile = (share: number): number | undefined => quantileOf(counts, count * share);
    return {
      count,
      p50: quantile(0.5),
      p95: quantile(0.95),
      p99: quantile(0.99),
      bars: barsOf(counts),
    };
  }
}

/** The first doubling is cut evenly; then each has as many parts as the one before. */
function bucketOf(ms: number): number {
  const eighths = Math.min(Math.max(0, Math.floor(ms * PARTS)), PARTS * 2 ** DOUBLINGS - 1);
  if (eighths < PARTS) return eighths;
  const exponent = 31 - Math.clz32(eighths);
  return (exponent - 2) * PARTS + ((eighths >> (exponent - 3)) & (PARTS - 1));
}

/** Where a bucket begins, in milliseconds. */
function beginOf(bucket: number): number {
  if (bucket < PARTS) return bucket / PARTS;
  const doubling = Math.floor(bucket / PARTS) - 1;
  return 2 ** doubling * (1 + (bucket % PARTS) / PARTS);
}

function quantileOf(counts: readonly number[], rank: number): number | undefined {
  let seen = 0;
  for (const [bucket, n] of counts.entries()) {
    seen += n;
    if (n > 0 && seen >= rank) return (beginOf(bucket) + beginOf(bucket + 1)) / 2;
  }
  return undefined;
}

function barsOf(counts: readonly number[]): Bar[] {
  const first = counts.findIndex((n) => n > 0);
  if (first < 0) return [];
  const last = counts.findLastIndex((n) => n > 0);
  const bars: Bar[] = [];
  for (let at = first - (first % PER_BAR); at <= last; at += PER_BAR) {
    const count = counts.slice(at, at + PER_BAR).reduce((sum, n) => sum + n, 0);
    bars.push({ fromMs: beginOf(at), toMs: beginOf(at + PER_BAR), count });
  }
  return bars;
}
