import type { Attempt, AttemptListener, Clock, Random } from '@sluice/core';
import type { CircuitCounts, CircuitEvent, CircuitRules, CircuitStateName, OpenReason } from './circuits.ts';
import { Machine, type MachineRules } from './machine.ts';
import { openTime } from './open-time.ts';
import { type Judge, Passage, Probe, StreamedPassage } from './passage.ts';
import { refusal } from './refusal.ts';

/** What circuits are made with. */
export interface CircuitParts {
  readonly clock: Clock;
  readonly random: Random;
  /** Called after a change of state. Must not throw. */
  readonly changed: (circuit: Circuit, type: CircuitEvent['type']) => void;
}

/** One circuit: how one model family fares at one endpoint. It stands where its opossum stands. */
export class Circuit implements Judge {
  readonly endpoint: string;
  readonly family: string | undefined;
  /** When it was last asked, in the registry's own count. */
  usedAt = 0;
  /** Since when it is in its state, on the monotonic clock. */
  since: number;
  /** When an open circuit may be probed, on the monotonic clock. */
  openUntil = 0;
  /** What opened it last. */
  reason: OpenReason | undefined;
  /** How often it has opened in a row, which is without having stayed closed for a whole window in between. */
  opens = 0;
  readonly #parts: CircuitParts;
  #rules: CircuitRules;
  #machine: Machine;
  /** Counts slow first contents; made with the first stream. */
  #pace: Machine | undefined;
  #failuresInARow = 0;
  /** The latest time before which the upstream asked not to be called. */
  #notBefore = 0;
  /** From when on earlier openings no longer count. */
  #steadyAt = 0;
  #period = 0;
  #whole = new Passage(this, 0);
  #streamed = new StreamedPassage(this, 0);
  #probes: readonly Probe[] = [];
  #probesPassed = 0;

  constructor(endpoint: string, family: string | undefined, rules: CircuitRules, parts: CircuitParts) {
    this.endpoint = endpoint;
    this.family = family;
    this.#rules = rules;
    this.#parts = parts;
    this.since = parts.clock.now();
    this.#machine = new Machine(healthRules(rules), this.since);
  }

  /** Lets an attempt through, or throws the refusal. */
  admit(streamed: boolean): AttemptListener {
    if (!this.#machine.closed) {
      const now = this.#now();
      this.#becomeHalfOpen(now);
      if (this.#machine.opened) throw refusal(this.openUntil - now);
      if (this.#machine.halfOpen) return this.#probe(streamed, now);
      // Whoever was told of the change has closed it.
    }
    return streamed ? this.#streamed : this.#whole;
  }

  /** The state as of now. An open circuit whose time is over becomes half-open when it is looked at. */
  state(): Exclude<CircuitStateName, 'isolated'> {
    this.#becomeHalfOpen(this.#now());
    if (this.#machine.closed) return 'closed';
    return this.#machine.opened ? 'open' : 'half-open';
  }

  /** What would be lost if it were forgotten: 0, part of a window; 1, signs of trouble; 2, that it is not closed. */
  get weight(): 0 | 1 | 2 {
    if (!this.#machine.closed) return 2;
    return this.#failuresInARow > 0 || this.#now() < this.#steadyAt ? 1 : 0;
  }

  /** What is known of its calls. */
  counts(): CircuitCounts {
    const now = this.#now();
    const { completed, bad: failed } = this.#machine.counts(now);
    const { completed: timed, bad: slow } = this.#pace?.counts(now) ?? { completed: 0, bad: 0 };
    const probes = this.#leased(now).length;
    return { completed, failed, timed, slow, consecutiveFailures: this.#failuresInARow, probes };
  }

  /** Judges by other rules from now on. */
  use(rules: CircuitRules): void {
    this.#rules = rules;
    if (!this.#machine.closed) return;
    this.#machine = new Machine(healthRules(rules), this.#now());
    this.#pace = undefined;
  }

  /** Closes it and forgets what it has seen. */
  reset(): void {
    const wasClosed = this.#machine.closed;
    this.#beginClosed();
    this.#steadyAt = 0;
    this.reason = undefined;
    if (!wasClosed) this.#parts.changed(this, 'circuit-close');
  }

  /** Opens it as it was before a restart. */
  restore(openForMs: number, opens: number, reason: OpenReason | undefined): void {
    this.#machine.open();
    this.openUntil = this.#begin() + openForMs;
    this.opens = opens;
    this.reason = reason;
  }

  began(passage: Passage, { firstContentMs = 0 }: Attempt): void {
    if (passage.period !== this.#period) return;
    const slow = firstContentMs > this.#rules.slowFirstEventMs;
    if (!(passage instanceof Probe)) this.#timed(slow);
    // Where slowness opened it, a slow probe has found what it was to find out.
    else if (slow && this.reason === 'slow-first-event') this.#open('slow-first-event');
  }

  ended(passage: Passage, attempt: Attempt): void {
    if (passage.period !== this.#period) return;
    if (passage instanceof Probe) this.#probeEnded(passage, attempt);
    else if (attempt.disposition?.health === 'success') {
      this.#failuresInARow = 0;
      this.#machine.good(this.#now());
    } else if (attempt.disposition?.health === 'failure') this.#failed(passage, attempt);
  }

  #failed(passage: Passage, attempt: Attempt): void {
    this.#heed(attempt);
    this.#failuresInARow++;
    this.#machine.bad(this.#now());
    const { consecutiveFailures, slowFirstEventMs } = this.#rules;
    const { firstContentMs, durationMs = 0 } = attempt;
    if (this.#machine.opened) this.#beginOpen('failure-rate');
    else if (consecutiveFailures !== false && this.#failuresInARow >= consecutiveFailures)
      this.#open('consecutive-failures');
    else if (passage === this.#streamed && firstContentMs === undefined && durationMs > slowFirstEventMs)
      // Given up without any content, after a time in which there should have been some.
      this.#timed(true);
  }

  /** Counts how long a stream took to begin. */
  #timed(slow: boolean): void {
    if (this.#rules.slowRate === false) return;
    const now = this.#now();
    this.#pace ??= new Machine(paceRules(this.#rules), now);
    if (slow) this.#pace.bad(now);
    else this.#pace.good(now);
    if (this.#pace.opened) this.#open('slow-first-event');
  }

  #probe(streamed: boolean, now: number): Probe {
    const { probes, probeLeaseMs } = this.#rules;
    this.#probes = this.#leased(now);
    const [first] = this.#probes;
    // The first is the one whose lease ends first.
    if (first !== undefined && this.#probes.length >= probes) throw refusal(first.leaseEndsAt - now);
    const probe = new Probe(this, this.#period, streamed, now + probeLeaseMs);
    this.#probes = [...this.#probes, probe];
    return probe;
  }

  /** Probes that keep others out. One that is over its lease does not, but it is still judged when it ends. */
  #leased(now: number): readonly Probe[] {
    return this.#probes.filter(({ leaseEndsAt }) => leaseEndsAt > now);
  }

  #probeEnded(probe: Probe, attempt: Attempt): void {
    this.#probes = this.#probes.filter((other) => other !== probe);
    const health = attempt.disposition?.health;
    if (health === 'failure') {
      this.#heed(attempt);
      this.#machine.bad(this.#now());
      this.#beginOpen('probe-failed');
    } else if (health === 'success') {
      this.#probesPassed++;
      if (this.#probesPassed < this.#rules.probeSuccesses) return;
      this.#beginClosed();
      this.#parts.changed(this, 'circuit-close');
    }
  }

  /** Takes note of a failed upstream's `retry-after`. */
  #heed({ disposition }: Attempt): void {
    const retryAfterMs = Math.min(disposition?.retryAfterMs ?? 0, this.#rules.maxRetryAfterMs);
    this.#notBefore = Math.max(this.#notBefore, this.#now() + retryAfterMs);
  }

  #open(reason: OpenReason): void {
    this.#machine.open();
    this.#beginOpen(reason);
  }

  #beginOpen(reason: OpenReason): void {
    const now = this.#begin();
    if (now >= this.#steadyAt) this.opens = 0;
    const openForMs = openTime(this.opens, this.#notBefore - now, this.#rules, this.#parts.random);
    this.opens++;
    this.openUntil = now + openForMs;
    this.reason = reason;
    this.#parts.changed(this, 'circuit-open');
  }

  #becomeHalfOpen(now: number): void {
    if (!this.#machine.opened || now < this.openUntil) return;
    this.#machine = new Machine(healthRules(this.#rules), now, 'half-open');
    this.#begin();
    this.#steadyAt = Infinity;
    this.#probesPassed = 0;
    this.#parts.changed(this, 'circuit-half-open');
  }

  #beginClosed(): void {
    this.#steadyAt = this.#begin() + this.#rules.windowMs;
    // With an empty window: what was before must not weigh on what comes.
    this.#machine = new Machine(healthRules(this.#rules), this.since);
    this.#pace = undefined;
    this.#failuresInARow = 0;
    this.#notBefore = 0;
    this.#whole = new Passage(this, this.#period);
    this.#streamed = new StreamedPassage(this, this.#period);
  }

  /** Begins a period. */
  #begin(): number {
    this.#period++;
    this.#probes = [];
    this.since = this.#now();
    return this.since;
  }

  #now(): number {
    return this.#parts.clock.now();
  }
}

function healthRules({ windowMs, minCalls, failureRate }: CircuitRules): MachineRules {
  return { windowMs, minCalls, rate: failureRate };
}

function paceRules({ windowMs, minCalls, slowRate }: CircuitRules): MachineRules {
  return { windowMs, minCalls, rate: slowRate };
}
