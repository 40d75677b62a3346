/** How fast an average forgets, in milliseconds. */
const DECAY_MS = 10_000;
/**
 * And in choices: where calls are rare, time alone would make everybody forget everything between two of them, and each
 * third call go to the slow one again.
 */
const DECAY_CHOICES = 10;
/** What is taken for usual before anybody has answered anything (Tower's default). */
const UNKNOWN_MS = 1_000;
/** Answers from a cache next door must not make all else equal. */
const LEAST_MS = 1;
/** A failure counts as an answer this much slower than the usual one, lest an endpoint that fails fast wins. */
const FAILURE_FACTOR = 10;
/** The weight of one answer in what is usual. */
const USUAL_WEIGHT = 0.1;

/** What is usual for one kind of call, whatever the endpoint. */
export class Pace {
  /** How often an endpoint was chosen. */
  choices = 0;
  /** The usual time to the first content. */
  usualMs: number = UNKNOWN_MS;
  #known = false;

  /** Takes note of an answer. */
  answered(ms: number): void {
    this.usualMs += (ms - this.usualMs) * (this.#known ? USUAL_WEIGHT : 1);
    this.#known = true;
  }
}

/** An attempt that waits for its first content; a link of {@link Latency}'s list. */
export interface Waiting {
  /** When it began. */
  readonly startedAt: number;
  /** The one that began before it. */
  older: Waiting | undefined;
  /** The one that began after it. */
  newer: Waiting | undefined;
  /** Whether it stands in the list. */
  listed: boolean;
}

/**
 * The peak-EWMA of one endpoint's times to the first content, as Finagle's: a time above the average replaces it, one
 * below draws it down, and an endpoint that gets nothing is forgotten little by little, so that it gets a trial again.
 */
export class Latency {
  readonly #pace: Pace;
  /** Undefined before the first answer: the endpoint is then taken for a usual one. */
  #averageMs: number | undefined;
  #sampledAt: number;
  #sampledAtChoice: number;
  #oldest: Waiting | undefined;
  #newest: Waiting | undefined;

  constructor(pace: Pace, now: number) {
    this.#pace = pace;
    this.#sampledAt = now;
    this.#sampledAtChoice = 0;
  }

  /** What the next call has to expect, in milliseconds. A call that waits already tells something, too. */
  estimate(now: number): number {
    const decayedMs = Math.max(LEAST_MS, this.#decayed(now));
    return this.#oldest === undefined ? decayedMs : Math.max(decayedMs, now - this.#oldest.startedAt);
  }

  /** Whether an attempt waits for its first content. */
  get awaited(): boolean {
    return this.#oldest !== undefined;
  }

  /** The first content came after `ms`. */
  answered(ms: number, now: number): void {
    this.#pace.answered(ms);
    this.#sample(ms, now);
  }

  /** There was no answer, or a bad one, after `ms`. */
  failed(ms: number, now: number): void {
    this.#sample(Math.max(ms, FAILURE_FACTOR * this.#pace.usualMs), now);
  }

  /** Something came back that tells nothing of its speed: a 400, a 403. It must not make the endpoint look fast. */
  touched(now: number): void {
    this.#sampledAt = now;
    this.#sampledAtChoice = this.#pace.choices;
  }

  /** An attempt begins to wait for its first content. */
  began(attempt: Waiting): void {
    attempt.listed = true;
    attempt.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = attempt;
    else this.#newest.newer = attempt;
    this.#newest = attempt;
    this.#pace.choices++;
  }

  /** It waits no more. */
  ended(attempt: Waiting): void {
    if (!attempt.listed) return;
    attempt.listed = false;
    const { older, newer } = attempt;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    attempt.older = undefined;
    attempt.newer = undefined;
  }

  #decayed(now: number): number {
    if (this.#averageMs === undefined) return this.#pace.usualMs;
    const time = (now - this.#sampledAt) / DECAY_MS;
    const choices = (this.#pace.choices - this.#sampledAtChoice) / DECAY_CHOICES;
    return this.#averageMs * Math.exp(-Math.min(time, choices));
  }

  #sample(ms: number, now: number): void {
    if (this.#averageMs === undefined || ms >= this.#decayed(now)) {
      this.#averageMs = ms;
    } else {
      const kept = Math.exp(-(now - this.#sampledAt) / DECAY_MS);
      this.#averageMs = this.#averageMs * kept + ms * (1 - kept);
    }
    this.touched(now);
  }
}
