import type { ErrorCode, OutcomeKind, Timeouts, TransportOptions } from '@sluice/core';
import type { Behaviour } from '@sluice/core/testing';

/**
 * What a caller gets. `answer`: a whole answer. `error`: an error's JSON body. `event`: a stream that ends with an
 * error event. `broken`: a body whose connection breaks.
 */
export type Ending = 'answer' | 'error' | 'event' | 'broken';

/** How a call with a fault in it ends. */
export interface Expected {
  readonly status: number;
  readonly ending: Ending;
  readonly outcome: OutcomeKind;
  /** What the outcome names as its cause; left out where the upstream's own answer says it. */
  readonly code?: ErrorCode;
}

/** One thing that an upstream may do, and what shall come of it. */
export interface Fault {
  readonly name: string;
  readonly behaviour: Behaviour;
  /** How a call ends that meets it. */
  readonly expected: Expected;
  /** Whether retry tries such a call again. */
  readonly retried: boolean;
  /** How the call ends when every attempt meets it, where that is not `expected`. */
  readonly exhausted?: Expected;
  /** What differs in the standard pipeline, which has another endpoint and another key to try. */
  readonly standard?: InStandard;
  /** Shorter than those that no test should meet. */
  readonly timeouts?: Partial<Timeouts>;
  readonly transport?: TransportOptions;
}

/** What differs where there is more than one endpoint and key, and where whole answers are moderated. */
export interface InStandard {
  /** A second endpoint or key is tried, though the same would not be. */
  readonly elsewhere?: true;
  /** Attempts when all of them meet the fault, where those are not as many as retry allows. */
  readonly attempts?: number;
  /** How the call ends that nothing has saved. */
  readonly exhausted?: Expected;
}

/** A whole answer. */
export const ANSWERED: Expected = { status: 200, ending: 'answer', outcome: 'completed' };

/** An answer in an error's place: the pipeline's own. */
export function refusedWith(status: number, code: ErrorCode): Expected {
  return { status, ending: 'error', outcome: status === 504 ? 'timeout' : 'upstream-error', code };
}

/** A stream that has begun and ends with an error event. */
export function endsWithEvent(code: ErrorCode): Expected {
  return {
    status: 200,
    ending: 'event',
    outcome: code.endsWith('_timeout') ? 'timeout' : 'upstream-error',
    code,
  };
}

/** A body that has begun and breaks off. */
export function breaksOff(code: ErrorCode): Expected {
  return { ...endsWithEvent(code), ending: 'broken' };
}

/** An error that the upstream said itself. */
export function answeredWith(status: number): Expected {
  return { status, ending: 'error', outcome: 'upstream-error' };
}
