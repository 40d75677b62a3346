import { CLOCK, type Clock, token, type Token } from '@sluice/core';

/** What is known of a caller's blocked calls. */
export interface StrikeCount {
  /** Blocked calls since the last one that was not; a day without any breaks the row. */
  readonly inARow: number;
  /** Blocked calls of the last 24 hours. */
  readonly perDay: number;
}

/** Where blocked calls are counted. */
export interface StrikeStore {
  /** How long the caller is suspended yet, in milliseconds; 0: not at all. */
  suspendedMs(caller: string): Promise<number>;
  /** Counts a blocked call. */
  strike(caller: string): Promise<StrikeCount>;
  /** A call was not blocked: the row is broken. */
  forgive(caller: string): Promise<void>;
  /** Suspends a caller, and begins its counts anew. */
  suspend(caller: string, forMs: number): Promise<void>;
}

const DAY_MS = 86_400_000;
/** Callers that are remembered; the one seen least recently is forgotten first. */
const MAX_CALLERS = 100_000;

interface Record {
  inARow: number;
  times: number[];
  until: number;
}

class MemoryStrikeStore implements StrikeStore {
  readonly #clock: Clock;
  readonly #callers = new Map<string, Record>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  suspendedMs(caller: string): Promise<number> {
    return Promise.resolve(Math.max(0, (this.#callers.get(caller)?.until ?? 0) - this.#clock.now()));
  }

  strike(caller: string): Promise<StrikeCount> {
    const now = this.#clock.now();
    const record = this.#callers.get(caller) ?? { inARow: 0, times: [], until: 0 };
    // As in Redis, where the count goes a day after the last strike.
    if ((record.times.at(-1) ?? now) <= now - DAY_MS) record.inARow = 0;
    record.inARow++;
    record.times = [...record.times.filter((time) => time > now - DAY_MS), now].slice(-1_000);
    this.#callers.delete(caller);
    this.#callers.set(caller, record);
    if (this.#callers.size > MAX_CALLERS) {
      for (const oldest of this.#callers.keys()) {
        this.#callers.delete(oldest);
        break;
      }
    }
    return Promise.resolve({ inARow: record.inARow, perDay: record.times.length });
  }

  forgive(caller: string): Promise<void> {
    const record = this.#callers.get(caller);
    if (record !== undefined) record.inARow = 0;
    return Promise.resolve();
  }

  suspend(caller: string, forMs: number): Promise<void> {
    const record = this.#callers.get(caller) ?? { inARow: 0, times: [], until: 0 };
    this.#callers.set(caller, {
      inARow: 0,
      times: [],
      until: Math.max(record.until, this.#clock.now() + forMs),
    });
    return Promise.resolve();
  }
}

/** Counts in memory: for one process, and lost with it. The embedded default. */
export function memoryStrikeStore(clock: Clock): StrikeStore {
  return new MemoryStrikeStore(clock);
}

/** The strike store service. Embedded default: in memory. */
export const STRIKE_STORE: Token<StrikeStore> = token('strike-store', {
  needs: { clock: CLOCK },
  create: ({ clock }) => memoryStrikeStore(clock),
});
