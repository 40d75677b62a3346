import { type AttemptListener, CLOCK, RANDOM, token, type Token } from '@sluice/core';
import { memoryCircuits } from './memory-circuits.ts';
import type { CircuitSnapshot } from './snapshot.ts';

/** When circuits open and close: the options of the plugin that are not functions, with their defaults. */
export interface CircuitRules {
  /** Length of the rolling window in milliseconds. */
  readonly windowMs: number;
  /** Results in the window below which no rate opens a circuit. */
  readonly minCalls: number;
  /** Share of failures in the window that opens a circuit; false turns this condition off. */
  readonly failureRate: number | false;
  /** Failures in a row that open a circuit; false turns this condition off. */
  readonly consecutiveFailures: number | false;
  /** From how many milliseconds on the first content of a stream is slow. */
  readonly slowFirstEventMs: number;
  /** Share of slow streams in the window that opens a circuit; false turns this condition off. */
  readonly slowRate: number | false;
  /** Milliseconds that a circuit stays open the first time. */
  readonly openMs: number;
  /** Bound of that time as it doubles. */
  readonly maxOpenMs: number;
  /** Longest `retry-after` that is obeyed. */
  readonly maxRetryAfterMs: number;
  /** Probes that a half-open circuit lets through at once. */
  readonly probes: number;
  /** Milliseconds after which a probe that has not ended no longer keeps others out. */
  readonly probeLeaseMs: number;
  /** Probes that must succeed before a half-open circuit closes. */
  readonly probeSuccesses: number;
}

/** `closed` lets calls through, `open` refuses them, `half-open` lets some through, `isolated` was opened by hand. */
export type CircuitStateName = 'closed' | 'open' | 'half-open' | 'isolated';

/** What opened a circuit. */
export type OpenReason = 'failure-rate' | 'consecutive-failures' | 'slow-first-event' | 'probe-failed';

/** One circuit as it is now. Plain data; times are wall-clock milliseconds since the Unix epoch. */
export interface CircuitState {
  /** Endpoint and family in one string, for logs. */
  readonly key: string;
  /** The endpoint's id, or the origin of its URL where nothing routes. */
  readonly endpoint: string;
  /** The model family; undefined for calls that name no model, and for an endpoint isolated before its first call. */
  readonly family: string | undefined;
  /** In one word. */
  readonly state: CircuitStateName;
  /** Since when it is in this state. */
  readonly since: number;
  /** When the next probe may go, of an open circuit. */
  readonly openUntil: number | undefined;
  /** What opened it, or why it was isolated. */
  readonly reason: string | undefined;
  /** What is known of its calls. */
  readonly counts: CircuitCounts;
}

/** Numbers of one circuit. */
export interface CircuitCounts {
  /** Attempts in the window that said something about the upstream's health. */
  readonly completed: number;
  /** The failures among them. */
  readonly failed: number;
  /** Streams in the window whose first content was timed. */
  readonly timed: number;
  /** The slow ones among them. */
  readonly slow: number;
  /** Failures in a row until now. */
  readonly consecutiveFailures: number;
  /** Probes that keep others out now. */
  readonly probes: number;
}

/** A circuit has changed its state. */
export interface CircuitEvent extends CircuitState {
  /** What has happened. */
  readonly type: 'circuit-open' | 'circuit-half-open' | 'circuit-close' | 'circuit-isolated';
}

/**
 * The circuits of one process. Provide one of your own to look at them, to open and close them by hand, or to have them
 * outlive a pipeline; pipelines that share circuits share their rules too, those of the pipeline assembled last.
 */
export interface Circuits {
  /**
   * Takes the rules over, and who is told of changes. Circuits that are open stay open as long as they were to; where
   * the rules are new, windows begin anew. Called by the plugin at assembly.
   */
  use(rules: CircuitRules, onChange: ((event: CircuitEvent) => void) | undefined): void;
  /**
   * Lets an attempt through, and returns who has to be told how it goes; or throws the refusal, `circuit_open`. Called
   * by the plugin for each attempt.
   */
  admit(endpoint: string, family: string | undefined, streamed: boolean): AttemptListener;
  /** All circuits that are known, as they are now. */
  list(): readonly CircuitState[];
  /** Refuses all calls to an endpoint, whatever the model, until `reset`. The reason is shown in `list()`. */
  isolate(endpoint: string, reason?: string): void;
  /** Closes circuits and forgets what they have seen: all, those of an endpoint, or one. Lifts isolation too. */
  reset(endpoint?: string, family?: string): void;
  /** What must not be forgotten over a restart, as plain data for `JSON.stringify`. */
  export(): CircuitSnapshot;
  /**
   * Takes over what `export` gave: circuits stay open for the rest of their time, half-open ones may be probed at once,
   * isolation goes on. Tells nobody.
   *
   * @throws TypeError When it is no such snapshot.
   */
  import(snapshot: unknown): void;
}

/** The circuits service. Embedded default: circuits in memory, for one pipeline. */
export const CIRCUITS: Token<Circuits> = token('circuits', {
  needs: { clock: CLOCK, random: RANDOM },
  create: (needs) => memoryCircuits(needs),
});
