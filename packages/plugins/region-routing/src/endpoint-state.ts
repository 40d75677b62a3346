import type { EndpointStatus } from './endpoint-health.ts';
import { Latency, type Pace } from './latency.ts';
import { Rests } from './rests.ts';

/** How fit an endpoint is for a call, best first. */
export const FIT = 0;
/** It failed too often. Good enough when nothing better is permitted. */
const EJECTED = 1;
/** It asked to be left alone. */
const RESTING = 2;
/** A circuit further in is open, and would refuse. */
const OPEN = 3;

/** What is known of one endpoint. Belongs to `EndpointHealth`; only the plugin changes it. */
export class EndpointState {
  readonly id: string;
  region = '';
  labels: Readonly<Record<string, string>> = {};
  /** Attempts in progress. */
  inFlight = 0;
  readonly streamed: Latency;
  readonly whole: Latency;
  readonly rests: Rests = new Rests();
  /** What its last 403 seemed to mean. */
  diagnosis: string | undefined;
  /** When traffic last told something, on the monotonic clock. */
  heardAt: number;

  /** Failures since the last success. */
  failuresInRow = 0;
  /** Calls and failures of the window in progress and of the one before. */
  windowAt: number;
  calls = 0;
  failures = 0;
  callsBefore = 0;
  failuresBefore = 0;
  lastFailureAt: number = -Infinity;
  /** Monotonic; in the past when it is not ejected. */
  ejectedUntil: number = -Infinity;
  /** Whether active checks alone ejected it, so that they may bring it back. */
  ejectedByCheck = false;
  /** How often in a row: the next ejection lasts as many times longer. Goes down while all is well. */
  severity = 0;
  /** When the severity last changed. */
  severityAt: number;
  /** All ejections. */
  ejections = 0;

  constructor(id: string, streamed: Pace, whole: Pace, now: number) {
    this.id = id;
    this.streamed = new Latency(streamed, now);
    this.whole = new Latency(whole, now);
    this.windowAt = now;
    this.severityAt = now;
    this.heardAt = now;
  }

  /** Counts a failure. */
  failed(now: number): void {
    this.failuresInRow++;
    this.lastFailureAt = now;
  }

  /** Its fitness for a call of this model; the less the better. */
  fitness(model: string | undefined, now: number): number {
    const rest = this.rests.of(model, now);
    if (rest !== undefined) return rest.reason === 'circuit-open' ? OPEN : RESTING;
    return this.ejectedUntil > now ? EJECTED : FIT;
  }

  /** Why it is not fit; the reason is part of the routing decision. */
  objection(model: string | undefined, now: number): string {
    return this.rests.of(model, now)?.reason ?? 'ejected';
  }

  /** When it may be fit again, as far as is known. */
  fitAt(model: string | undefined, now: number): number {
    return Math.max(this.ejectedUntil, this.rests.of(model, now)?.until ?? now, now);
  }

  /**
   * What the next call has to expect, in milliseconds, a suspicion included: after a failure an endpoint is as good as
   * never, for a time that doubles with each further one; then it gets one call at a time until one succeeds.
   */
  expectedMs(streamed: boolean, now: number): number {
    const latency = streamed ? this.streamed : this.whole;
    const estimateMs = latency.estimate(now);
    if (this.failuresInRow === 0) return estimateMs;
    const suspectMs = Math.min(FIRST_SUSPICION_MS * 2 ** (this.failuresInRow - 1), LAST_SUSPICION_MS);
    const suspect = latency.awaited || now - this.lastFailureAt < suspectMs;
    return suspect ? estimateMs + NEVER_MS : estimateMs;
  }

  /** The share of its weight that it gets: all, or little at first when it has just come back from an ejection. */
  share(now: number, slowStartMs: number): number {
    const backForMs = now - this.ejectedUntil;
    if (backForMs >= slowStartMs || backForMs < 0) return 1;
    return Math.max(MIN_SHARE, backForMs / slowStartMs);
  }

  /** As data. */
  status(now: number): EndpointStatus {
    return {
      id: this.id,
      region: this.region,
      labels: this.labels,
      available: this.fitness(undefined, now) === FIT,
      inFlight: this.inFlight,
      streamedMs: this.streamed.estimate(now),
      wholeMs: this.whole.estimate(now),
      ejectedForMs: Math.max(0, this.ejectedUntil - now),
      ejections: this.ejections,
      rests: this.rests.list(now),
      diagnosis: this.diagnosis,
    };
  }
}

/** Envoy's. */
const MIN_SHARE = 0.1;

/** Short, because one failure may be anybody's; long enough that a fast failing endpoint costs a few calls and not all. */
const FIRST_SUSPICION_MS = 1_000;
/** How late a recovery is noticed at most. */
const LAST_SUSPICION_MS = 10_000;
/** Longer than any call: what is loaded, however much, comes first. Not so long that fractions of it were lost. */
const NEVER_MS = 1e9;
