import type { Attempt } from './attempt.ts';
import type { Usage } from './format/format.ts';

/**
 * How a call ended. `completed` means that the format's proper end was seen and handed on, never that a stream merely
 * stopped. `refused`: a plugin said no. `upstream-error`: an error answer, or a cut or unintelligible one. `timeout`:
 * one of our clocks. `client-abort`: the caller left. `shutdown`: the pipeline was closed.
 */
export type OutcomeKind =
  | 'completed'
  | 'refused'
  | 'upstream-error'
  | 'timeout'
  | 'client-abort'
  | 'shutdown';

/** The one end of a call, reported once to every `ctx.onComplete` listener. */
export interface Outcome {
  /** In one word; see {@link OutcomeKind}. */
  readonly kind: OutcomeKind;
  /** HTTP status that the caller was given; 499 when it left before there was one. */
  readonly status: number;
  /** Attempts that were made upstream. A connection found closed when it was to be used again is not one. */
  readonly attempts: number;
  /** Those attempts, in the order in which they began. */
  readonly history: readonly Attempt[];
  /** Tokens as the provider counted them; undefined when it did not say. */
  readonly usage: Usage | undefined;
  /** What went wrong, for logs; undefined when the call completed or the upstream answered with an error. */
  readonly cause: unknown;
  /** From the call's start to its end, in monotonic milliseconds. */
  readonly durationMs: number;
}
