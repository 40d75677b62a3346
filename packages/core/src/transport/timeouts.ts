/**
 * The four clocks of a call, in milliseconds. They are ours and not undici's, whose timers fire up to a second late
 * and start again with every byte that drips in.
 */
export interface Timeouts {
  /** TCP and TLS set-up, each attempt. Default 3 000. */
  readonly connectMs: number;
  /**
   * Streamed calls: from the start of an attempt to its first content event; pings do not count. Calls that are not
   * streamed answer only when they are done, so `totalMs` bounds them. Default 60 000.
   */
  readonly firstEventMs: number;
  /**
   * Longest silence between two events (or, in other bodies, two pieces) of an answer. A ping is an event; comments
   * and single bytes are not. Runs only while the upstream is waited for, never while the reader is slow.
   * Default 120 000.
   */
  readonly idleMs: number;
  /** The whole call with all its attempts, when it is not streamed. Default 600 000. */
  readonly totalMs: number;
  /** The whole call when it is streamed: 128 000 tokens at 40 a second take 53 minutes. Default 3 600 000. */
  readonly streamedTotalMs: number;
}

/** The clocks when nothing is configured. */
export const DEFAULT_TIMEOUTS: Timeouts = {
  connectMs: 3_000,
  firstEventMs: 60_000,
  idleMs: 120_000,
  totalMs: 600_000,
  streamedTotalMs: 3_600_000,
};
