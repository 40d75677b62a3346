import { type Clock, type TimerHandle, TooLate, within } from '@sluice/core';
import type { LimitListener } from './events.ts';
import { type LimitStore, type Reservation, SETTLED_MS, type Settlement } from './store.ts';

/** Waits between two looks at a store that is out. */
const FIRST_PROBE_MS = 250;
const LONGEST_PROBE_MS = 5_000;
/** Settlements that wait for the store. */
const MAX_WAITING = 10_000;
/** Settlements that are handed over at once when it is back. */
const AT_ONCE = 64;
/** So long after a try that was not answered there is another: well within the time that a store would remember it. */
const TRIED_AGAIN_MS = SETTLED_MS / 2;

/** A settlement that waits for the store. */
interface Waiting {
  readonly settlement: Settlement;
  /** When the store was first told, and did not answer: it may know it. Undefined: it was not told. */
  triedAt: number | undefined;
}

/** What an outage is watched with. */
export interface OutageParts {
  readonly store: LimitStore;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly report: LimitListener;
}

/**
 * Whether the store answers. The first failure takes it out: from then on nobody waits for it, and it is looked after in
 * the background. Settlements are kept until it is back.
 */
export class Outage {
  /** Why the store is out, for logs. */
  cause: unknown;
  readonly #parts: OutageParts;
  readonly #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #beganAt: number | undefined;
  #probe: Reservation = { id: '', group: 'probe', claims: [], leaseMs: 0 };
  #probeMs = FIRST_PROBE_MS;
  #timer: TimerHandle;
  #closed = false;

  constructor(parts: OutageParts) {
    this.#parts = parts;
  }

  /** Whether the store is out. */
  get out(): boolean {
    return this.#beganAt !== undefined;
  }

  /** Takes the store out. `asked` is looked at again, to see whether it is back. */
  begin(error: unknown, asked?: Reservation): void {
    if (asked !== undefined) this.#probe = { ...asked, id: '' };
    if (this.out || this.#closed) return;
    const { clock, report } = this.#parts;
    this.cause = error;
    this.#beganAt = clock.now();
    this.#probeMs = FIRST_PROBE_MS;
    report({ type: 'store-out', reason: reasonOf(error) });
    this.#later();
  }

  /**
   * Settles, now or when the store is back. Whoever settles twice changes nothing. The promise, if there is one, is for
   * who wants to wait for it; it never fails.
   */
  settle(settlement: Settlement): Promise<void> | undefined {
    if (this.out) {
      this.#keep({ settlement, triedAt: undefined });
      return undefined;
    }
    const triedAt = this.#parts.clock.now();
    return this.#send(settlement)?.catch((error: unknown) => {
      this.begin(error, settlement.reservation);
      this.#keep({ settlement, triedAt });
    });
  }

  /** One last try to hand over what waits. */
  async close(): Promise<void> {
    this.#parts.clock.clearTimeout(this.#timer);
    try {
      await this.#flush();
    } catch {
      // It waited for a store that is still out.
    }
    this.#closed = true;
    this.#lost(this.#waiting.splice(0).length);
  }

  /** Undefined where the store is in memory. */
  #send(settlement: Settlement): Promise<void> | undefined {
    const { store, clock, timeoutMs } = this.#parts;
    try {
      const settled = store.settle(settlement);
      return settled instanceof Promise ? within(settled, clock, timeoutMs) : undefined;
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #keep(waiting: Waiting): void {
    if (this.#closed || this.#waiting.length >= MAX_WAITING) this.#lost(1);
    else this.#waiting.push(waiting);
  }

  #lost(calls: number): void {
    if (calls > 0) this.#parts.report({ type: 'settlement-lost', calls });
  }

  #later(): void {
    const { clock } = this.#parts;
    this.#timer = clock.setTimeout(() => void this.#look(), this.#probeMs);
    this.#probeMs = Math.min(this.#probeMs * 2, LONGEST_PROBE_MS);
  }

  async #look(): Promise<void> {
    const { store, clock, timeoutMs, report } = this.#parts;
    try {
      await within(Promise.resolve(store.reserve(this.#probe)), clock, timeoutMs);
      await this.#flush();
    } catch (error) {
      this.cause = error;
      if (!this.#closed) this.#later();
      return;
    }
    const outMs = clock.now() - (this.#beganAt ?? clock.now());
    this.#beganAt = undefined;
    report({ type: 'store-back', outMs });
  }

  #flush(): Promise<void> {
    return (this.#flushing ??= this.#handOver().finally(() => (this.#flushing = undefined)));
  }

  /** Hands over what waits. What fails waits on, and that alone: what was charged must not be charged again. */
  async #handOver(): Promise<void> {
    while (this.#waiting.length > 0) {
      const now = this.#parts.clock.now();
      const some = this.#waiting.splice(0, AT_ONCE);
      const known = some.filter(
        ({ settlement, triedAt = now }) => settlement.granted || now - triedAt < TRIED_AGAIN_MS,
      );
      // The store may have come to them, and may have forgotten it: not at all is better than twice.
      this.#lost(some.length - known.length);
      const answers = await Promise.allSettled(
        known.map(async (one) => {
          one.triedAt ??= now;
          await this.#send(one.settlement);
        }),
      );
      const failed = answers.findIndex(({ status }) => status === 'rejected');
      if (failed < 0) continue;
      answers.forEach(({ status }, i) => {
        if (status === 'rejected') this.#keep(known[i] as Waiting);
      });
      throw (answers[failed] as PromiseRejectedResult).reason;
    }
  }
}

/** The reason of an outage in a word, without hosts or addresses. */
function reasonOf(error: unknown): string {
  if (error instanceof TooLate) return 'timeout';
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  if (typeof code === 'string') return code;
  // Redis begins its errors with a word of capitals: OOM, LOADING, READONLY, NOAUTH.
  return /^[A-Z]{2,20}\b/.exec(String(message))?.[0] ?? 'error';
}
