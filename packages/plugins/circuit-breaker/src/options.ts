import type { OptionSchema } from '@sluice/core';
import * as v from 'valibot';
import type { CircuitEvent, CircuitRules } from './circuits.ts';
import { modelFamily } from './model-family.ts';

/** Options of `circuitBreaker`. */
export interface CircuitBreakerOptions {
  /**
   * Length of the rolling window, in milliseconds. At least twice `slowFirstEventMs`: what lasts longer than the window
   * is never there together with what it is compared with.
   *
   * @default 60_000
   */
  readonly windowMs?: number;
  /**
   * Results in the window below which no rate opens a circuit. Only attempts that are over count.
   *
   * @default 10
   */
  readonly minCalls?: number;
  /**
   * Share of failures in the window that opens a circuit; false turns this condition off.
   *
   * @default 0.5
   */
  readonly failureRate?: number | false;
  /**
   * Failures in a row that open a circuit, however long ago they began; false turns this condition off.
   *
   * @default 5
   */
  readonly consecutiveFailures?: number | false;
  /**
   * From how many milliseconds on the first content of a stream is slow. Answers that are not streamed are not timed.
   *
   * @default 30_000
   */
  readonly slowFirstEventMs?: number;
  /**
   * Share of slow streams in the window that opens a circuit; false turns this condition off.
   *
   * @default 0.8
   */
  readonly slowRate?: number | false;
  /**
   * How long a circuit stays open the first time, in milliseconds; it doubles with each opening in a row.
   *
   * @default 5_000
   */
  readonly openMs?: number;
  /**
   * Bound of that time as it doubles, in milliseconds.
   *
   * @default 120_000
   */
  readonly maxOpenMs?: number;
  /**
   * A failed upstream's `retry-after` keeps the circuit open at least that long, but no longer than this, in
   * milliseconds.
   *
   * @default 300_000
   */
  readonly maxRetryAfterMs?: number;
  /**
   * Probes that a half-open circuit lets through at once.
   *
   * @default 3
   */
  readonly probes?: number;
  /**
   * After how many milliseconds a probe that has not ended makes room for another. It is still judged when it ends.
   *
   * @default 30_000
   */
  readonly probeLeaseMs?: number;
  /**
   * Probes that must succeed before a half-open circuit closes.
   *
   * @default 2
   */
  readonly probeSuccesses?: number;
  /**
   * Which models count as one. Asked once per model name; what it throws lets the call pass without a breaker.
   *
   * @default `modelFamily`, which drops snapshots and hosts: `claude-sonnet-4-5-20250929` becomes `claude-sonnet-4-5`
   */
  readonly modelFamily?: (model: string) => string;
  /**
   * Called at each change of a circuit. What it throws is reported and otherwise ignored.
   *
   * @default none
   */
  readonly onChange?: (event: CircuitEvent) => void;
}

/** The options, with defaults where none were given. */
export interface CircuitBreakerSettings extends CircuitRules {
  readonly modelFamily: (model: string) => string;
  readonly onChange?: (event: CircuitEvent) => void;
}

/** The rules when nothing is configured. */
export const DEFAULT_RULES: CircuitRules = {
  windowMs: 60_000,
  minCalls: 10,
  failureRate: 0.5,
  consecutiveFailures: 5,
  slowFirstEventMs: 30_000,
  slowRate: 0.8,
  openMs: 5_000,
  maxOpenMs: 120_000,
  maxRetryAfterMs: 300_000,
  probes: 3,
  probeLeaseMs: 30_000,
  probeSuccesses: 2,
};

const milliseconds = v.pipe(
  v.number('must be a number of milliseconds'),
  v.finite('must be finite'),
  v.minValue(1, 'must be at least 1'),
);
const count = v.pipe(
  v.number('must be a whole number'),
  v.integer('must be a whole number'),
  v.minValue(1, 'must be at least 1'),
);
const orFalse = <T extends v.GenericSchema<number>>(schema: T) =>
  v.lazy((given) => (given === false ? v.literal(false) : schema));
const rate = orFalse(
  v.pipe(
    v.number('must be a share, such as 0.5, or false'),
    v.gtValue(0, 'must be greater than 0; false turns it off'),
    v.maxValue(1, 'must be at most 1, which is all'),
  ),
);

const shape = v.strictObject({
  windowMs: v.exactOptional(milliseconds, DEFAULT_RULES.windowMs),
  minCalls: v.exactOptional(count, DEFAULT_RULES.minCalls),
  failureRate: v.exactOptional(rate, DEFAULT_RULES.failureRate),
  consecutiveFailures: v.exactOptional(orFalse(count), DEFAULT_RULES.consecutiveFailures),
  slowFirstEventMs: v.exactOptional(milliseconds, DEFAULT_RULES.slowFirstEventMs),
  slowRate: v.exactOptional(rate, DEFAULT_RULES.slowRate),
  openMs: v.exactOptional(milliseconds, DEFAULT_RULES.openMs),
  maxOpenMs: v.exactOptional(milliseconds, DEFAULT_RULES.maxOpenMs),
  maxRetryAfterMs: v.exactOptional(milliseconds, DEFAULT_RULES.maxRetryAfterMs),
  probes: v.exactOptional(count, DEFAULT_RULES.probes),
  probeLeaseMs: v.exactOptional(milliseconds, DEFAULT_RULES.probeLeaseMs),
  probeSuccesses: v.exactOptional(count, DEFAULT_RULES.probeSuccesses),
  modelFamily: v.exactOptional(
    v.custom<(model: string) => string>(isFunction, 'must be a function'),
    () => modelFamily,
  ),
  onChange: v.exactOptional(v.custom<(event: CircuitEvent) => void>(isFunction, 'must be a function')),
});

/** Checks the options and fills in the defaults. */
export const options: OptionSchema<CircuitBreakerSettings> = v.pipe(
  shape,
  v.check(
    ({ windowMs, slowFirstEventMs, slowRate }) => slowRate === false || windowMs >= 2 * slowFirstEventMs,
    'option "windowMs" must be at least twice "slowFirstEventMs", or what it compares is never in it together',
  ),
  v.check(({ openMs, maxOpenMs }) => maxOpenMs >= openMs, 'option "maxOpenMs" must not be below "openMs"'),
  v.check(
    ({ failureRate, consecutiveFailures, slowRate }) =>
      failureRate !== false || consecutiveFailures !== false || slowRate !== false,
    'with "failureRate", "consecutiveFailures" and "slowRate" all false nothing opens a circuit; leave the plugin out',
  ),
);

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}
