import { EventEmitter } from 'node:events';
import CircuitBreaker from 'opossum';

/** Into how many parts the window is cut; the oldest falls out as a whole. */
const BUCKETS = 10;

/** The longest that a timer can wait. opossum's own reset timer must never decide anything: CLOCK does. */
const NEVER_MS = 2 ** 31 - 1;

/** When a {@link Machine} opens. */
export interface MachineRules {
  /** Length of the rolling window. */
  readonly windowMs: number;
  /** It never opens with fewer results than this in the window. */
  readonly minCalls: number;
  /** It opens when at least this share of them is bad; false: never of itself. */
  readonly rate: number | false;
}

/** What is in the window. */
export interface MachineCounts {
  /** Results. */
  readonly completed: number;
  /** The bad ones among them. */
  readonly bad: number;
}

/**
 * opossum as a state machine and rolling window, and nothing else of it: it is given results that are known already,
 * judges them before `bad` returns, and takes the time from its caller. Whatever else opossum can do (timeouts, capacity,
 * cache, coalescing, health checks, fallbacks) stays unused.
 */
export class Machine {
  readonly #breaker: CircuitBreaker<[], never>;
  readonly #rotation = new EventEmitter();
  readonly #bucketMs: number;
  #bucketEndsAt: number;
  #bucket: CircuitBreaker.Bucket;

  /** @param state Where it begins: opossum has no method that leads to half-open. */
  constructor(rules: MachineRules, now: number, state: 'closed' | 'half-open' = 'closed') {
    // Made anew for each machine, because opossum writes into it.
    const options: CircuitBreaker.Options<[]> & { state: Partial<CircuitBreaker.State> } = {
      state: { closed: state === 'closed', halfOpen: state === 'half-open' },
      errorThresholdPercentage: rules.rate === false ? UNREACHABLE : belowOrAt(rules.rate * 100),
      volumeThreshold: rules.minCalls,
      rollingCountTimeout: rules.windowMs,
      rollingCountBuckets: BUCKETS,
      rotateBucketController: this.#rotation,
      resetTimeout: NEVER_MS,
      timeout: false,
      enableSnapshots: false,
      rollingPercentilesEnabled: false,
    };
    this.#breaker = new CircuitBreaker(fail, options);
    this.#bucketMs = rules.windowMs / BUCKETS;
    this.#bucketEndsAt = now + this.#bucketMs;
    this.#bucket = this.#currentBucket();
    // Among them the one that starts the reset timer.
    this.#breaker.removeAllListeners('open');
  }

  get closed(): boolean {
    return this.#breaker.closed;
  }

  get opened(): boolean {
    return this.#breaker.opened;
  }

  get halfOpen(): boolean {
    return this.#breaker.halfOpen;
  }

  /** Takes a good result; only a closed machine is given one. */
  good(now: number): void {
    this.#rotate(now);
    // All that comes of firing a success, for a hundredth of the time: opossum decides by these numbers, and only when
    // something fails.
    this.#bucket.fires++;
    this.#bucket.successes++;
  }

  /** Takes a bad result. Opens a half-open machine, and a closed one when the window says so. */
  bad(now: number): void {
    this.#rotate(now);
    // opossum has judged when this returns; a promise would be microtasks late, and calls would slip through.
    this.#breaker.fire().catch(ignore);
    // It keeps one number for each result even with percentiles turned off.
    this.#bucket.latencyTimes.length = 0;
  }

  /** Opens it whatever the window says. */
  open(): void {
    this.#breaker.open();
  }

  /** What is in the window now. */
  counts(now: number): MachineCounts {
    this.#rotate(now);
    const { fires, failures } = this.#breaker.stats;
    return { completed: fires, bad: failures };
  }

  /** Lets the buckets go that have become too old. opossum would do it by an interval of real time. */
  #rotate(now: number): void {
    if (now < this.#bucketEndsAt) return;
    const buckets = Math.floor((now - this.#bucketEndsAt) / this.#bucketMs) + 1;
    this.#bucketEndsAt += buckets * this.#bucketMs;
    for (let i = Math.min(buckets, BUCKETS); i > 0; i--) this.#rotation.emit('rotate');
    this.#bucket = this.#currentBucket();
  }

  #currentBucket(): CircuitBreaker.Bucket {
    return this.#breaker.status.window[0] as CircuitBreaker.Bucket;
  }
}

/** A percentage that no share of bad results reaches. */
const UNREACHABLE = 200;

/** opossum opens above its threshold, we at it. */
function belowOrAt(percentage: number): number {
  return percentage - 1e-9;
}

const BAD = new Error('a bad result');

/** What opossum calls the action. That it throws and does not reject is what makes opossum judge at once. */
function fail(): never {
  throw BAD;
}

function ignore(): void {
  // It is counted already.
}
