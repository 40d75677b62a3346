import type { OutagePolicy } from './rule.ts';

/**
 * What a limiter reports. Holds no secret and no text of a request: the `scope` of a rule whose `by` is a function is
 * undefined, as it may be a credential.
 */
export type LimitEvent =
  | {
      /** A call was refused. */
      readonly type: 'limit-refuse';
      readonly rule: string;
      readonly scope: string | undefined;
      readonly retryAfterMs: number;
    }
  | {
      /** A call would have been refused, were the rule enforced. */
      readonly type: 'limit-shadow';
      readonly rule: string;
      readonly scope: string | undefined;
    }
  | {
      /** A counter has passed the rule's `warnAt`. */
      readonly type: 'limit-near';
      readonly rule: string;
      readonly scope: string | undefined;
      readonly used: number;
      readonly limit: number;
    }
  | {
      /** What an upstream said of its own limit has lowered ours. */
      readonly type: 'limit-lower';
      readonly rule: string;
      readonly scope: string | undefined;
      readonly remaining: number;
      readonly blockedMs: number;
    }
  | {
      /** A call has begun to wait for its turn. */
      readonly type: 'wait-start';
      readonly rule: string;
      readonly scope: string | undefined;
      readonly waiting: number;
    }
  | {
      /** The store does not answer. */
      readonly type: 'store-out';
      readonly reason: string;
    }
  | {
      /** The store answers again. */
      readonly type: 'store-back';
      readonly outMs: number;
    }
  | {
      /** A call was decided without the store. */
      readonly type: 'store-skip';
      readonly policy: OutagePolicy;
    }
  | {
      /** What calls used during an outage was given up: there was too much to remember, or it might be charged twice. */
      readonly type: 'settlement-lost';
      readonly calls: number;
    };

/** Told of everything a limiter reports. What it throws is ignored. */
export type LimitListener = (event: LimitEvent) => void;
