import type { ApiRequest, Context, OptionSchema } from '@sluice/core';
import * as v from 'valibot';
import type { LimitListener } from './events.ts';
import type { HeaderStyle } from './headers.ts';
import { ruleSchema, rulesTogether } from './rule-schema.ts';
import { type LimitRule, LONGEST_MS, type OutagePolicy, type Price } from './rule.ts';

/** Tokens that a call will probably use. */
export interface TokenEstimate {
  /** Tokens of input. */
  readonly inputTokens: number;
  /** Tokens of output. Default: what the model usually answers. */
  readonly outputTokens?: number;
}

/** Estimates a call's tokens before it is sent. */
export type Estimator = (request: ApiRequest, ctx: Context) => TokenEstimate | Promise<TokenEstimate>;

/** Options of `rateLimit`. */
export interface RateLimitOptions {
  /** The limits. A call has to meet all that apply to it; all of them are charged in one step, or none. */
  readonly rules: readonly LimitRule[];
  /**
   * What happens to a call beyond a limit: `reject` refuses it, `wait` lets it wait for its turn, `pace` spaces all
   * calls evenly (five a second are one each 200 ms) and lets them wait, `shadow` only reports.
   *
   * @default 'reject'
   */
  readonly mode?: 'reject' | 'wait' | 'pace' | 'shadow';
  /**
   * Calls that wait at most, in this process.
   *
   * @default 100
   */
  readonly maxWaiting?: number;
  /**
   * How long a call waits at most, in milliseconds, and never beyond its own deadline.
   *
   * @default 10_000
   */
  readonly maxWaitMs?: number;
  /** What a million tokens cost, by model; `*` at the end of a name stands for any end. Needed by rules of cost. */
  readonly prices?: Readonly<Record<string, Price>>;
  /** Estimates tokens in place of the built-in heuristic, which goes by the body's bytes and by what it has learned. */
  readonly estimate?: Estimator;
  /**
   * Whether each call is counted once, or each attempt: for a limiter that stands inside `retry` and `region-routing`.
   *
   * @default 'calls'
   */
  readonly counts?: 'calls' | 'attempts';
  /**
   * What happens to a call when the store cannot be asked: `local` gives this process its share of the limit, `open`
   * lets the call pass, `closed` refuses it.
   *
   * @default 'local'
   */
  readonly onOutage?: OutagePolicy;
  /**
   * Processes that share the limits; the share of one of them is what `local` grants.
   *
   * @default 4
   */
  readonly instances?: number;
  /**
   * How long the store may take for a decision, in milliseconds. Beyond, it counts as out.
   *
   * @default 50
   */
  readonly storeTimeoutMs?: number;
  /**
   * How long a place among concurrent calls outlives the process that holds it, in milliseconds.
   *
   * @default 30_000
   */
  readonly leaseMs?: number;
  /**
   * Keep a tenant's counters apart from all others, so that a cluster can spread the tenants. Each rule's scope must
   * then have the tenant in it.
   *
   * @default false
   */
  readonly shardByTenant?: boolean;
  /**
   * Headers of a refusal: `ietf` (`ratelimit`, `ratelimit-policy`) and those of the caller's provider.
   *
   * @default ['ietf', 'provider']
   */
  readonly refusalHeaders?: readonly HeaderStyle[];
  /**
   * Headers of every other answer. `provider` replaces what the upstream said of its own limits.
   *
   * @default []
   */
  readonly answerHeaders?: readonly HeaderStyle[];
  /** Is told of refusals, outages and the like. See `limitMonitor`. */
  readonly onEvent?: LimitListener;
}

/** The options, with defaults where none were given. */
export type RateLimitSettings = Required<Omit<RateLimitOptions, 'estimate' | 'onEvent'>> &
  Pick<RateLimitOptions, 'estimate' | 'onEvent'>;

const milliseconds = v.pipe(
  v.number('must be a number of milliseconds'),
  v.finite('must be finite'),
  v.minValue(1, 'must be at least 1'),
);
const count = v.pipe(v.number('must be a whole number'), v.integer('must be a whole number'));
const price = v.pipe(
  v.number('must be a number'),
  v.finite('must be finite'),
  v.minValue(0, 'must be at least 0'),
  v.maxValue(1_000_000, 'is more than a token can cost; give the price of a million tokens'),
);
const styles = v.array(v.picklist(['ietf', 'provider'], 'must be "ietf" or "provider"'), 'must be a list');

/** Checks the options and fills in the defaults. */
export const options: OptionSchema<RateLimitSettings> = v.pipe(
  v.strictObject({
    rules: v.pipe(
      v.array(ruleSchema, 'must be a list of rules'),
      v.minLength(1, 'has no rule; a limiter without one only costs time'),
      v.maxLength(32, 'has more than 32 rules'),
    ),
    mode: v.exactOptional(
      v.picklist(['reject', 'wait', 'pace', 'shadow'], 'must be "reject", "wait", "pace" or "shadow"'),
      'reject',
    ),
    maxWaiting: v.exactOptional(
      v.pipe(count, v.minValue(1, 'must be at least 1'), v.maxValue(10_000, 'must be at most 10000')),
      100,
    ),
    maxWaitMs: v.exactOptional(milliseconds, 10_000),
    prices: v.exactOptional(
      v.record(
        v.string(),
        v.strictObject({
          input: price,
          output: price,
          cacheRead: v.exactOptional(price),
          cacheWrite: v.exactOptional(price),
        }),
        'must be an object, { "model": { input, output } }',
      ),
      {},
    ),
    estimate: v.exactOptional(v.custom<Estimator>(isFunction, 'must be a function')),
    counts: v.exactOptional(v.picklist(['calls', 'attempts'], 'must be "calls" or "attempts"'), 'calls'),
    onOutage: v.exactOptional(
      v.picklist(['open', 'closed', 'local'], 'must be "open", "closed" or "local"'),
      'local',
    ),
    instances: v.exactOptional(v.pipe(count, v.minValue(1, 'must be at least 1')), 4),
    storeTimeoutMs: v.exactOptional(v.pipe(milliseconds, v.maxValue(10_000, 'must be at most 10000')), 50),
    leaseMs: v.exactOptional(
      v.pipe(
        v.number('must be a whole number of milliseconds'),
        v.integer('must be a whole number of milliseconds'),
        v.minValue(1_000, 'must be at least 1000, to be renewed in time'),
        v.maxValue(LONGEST_MS, 'must be at most 31 days'),
      ),
      30_000,
    ),
    shardByTenant: v.exactOptional(v.boolean('must be true or false'), false),
    refusalHeaders: v.exactOptional(styles, ['ietf', 'provider']),
    answerHeaders: v.exactOptional(styles, []),
    onEvent: v.exactOptional(v.custom<LimitListener>(isFunction, 'must be a function')),
  }),
  v.rawCheck(({ dataset, addIssue }) => {
    if (dataset.typed) for (const message of rulesTogether(dataset.value)) addIssue({ message });
  }),
) as OptionSchema<RateLimitSettings>;

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}
