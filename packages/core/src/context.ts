import type { Attempt } from './attempt.ts';
import type { Format } from './format/format.ts';
import type { Outcome } from './outcome.ts';
import type { State } from './state.ts';

/** What belongs to one call, shared by all plugins and all attempts. */
export interface Context {
  /** Unique to the call. Safe to show to the caller. */
  readonly id: string;
  /** The wire dialect; undefined when no format matched, and the call passes through the format-blind plugins. */
  readonly format: Format | undefined;
  /** Whether the request asks for an event stream. */
  readonly streamed: boolean;
  /** What plugins tell each other. */
  readonly state: State;
  /** The model the request asks for; undefined when the format finds none. */
  readonly model: string | undefined;
  /**
   * The most output tokens that the request allows, in all choices together: the largest of the bounds it names.
   * Undefined when it names none.
   */
  readonly maxOutputTokens: number | undefined;
  /** Attempts made upstream so far. */
  readonly attempts: number;
  /** Those attempts, in the order in which they began. The last ones may still be in progress. */
  readonly history: readonly Attempt[];
  /** Milliseconds until the call's absolute deadline; never negative. */
  remainingMs(): number;
  /**
   * Calls the listener at the end of each attempt. What it throws is reported and otherwise ignored.
   */
  onAttempt(listener: (attempt: Attempt) => void): void;
  /**
   * Calls the listener once, when the call has ended: after the last byte, not at the headers. What it throws or
   * rejects with is reported and otherwise ignored. `drain()` waits for it.
   */
  onComplete(listener: (outcome: Outcome) => void | Promise<void>): void;
}
