import type { OptionSchema, Usage } from '@sluice/core';
import * as v from 'valibot';
import { PluginEvents } from './plugin-events.ts';

/** Says what an attempt cost. */
export type CostOf = (model: string, usage: Usage, endpoint: string | undefined) => number | undefined;

/** Options of `telemetry`. */
export interface TelemetryOptions {
  /**
   * Whether a caller's `traceparent` becomes the parent of the call's span. Leave it off where callers are not your own
   * services: whoever sends it chooses the trace that the call is part of, and whether it is recorded. Off, the span
   * only has a link to it.
   *
   * @default false
   */
  readonly trustInbound?: boolean;
  /**
   * The tenant as an attribute: of spans, or of spans and of the metrics of calls and tokens. In metrics, 1 000 tenants
   * are told apart.
   *
   * @default 'off'
   */
  readonly tenant?: 'off' | 'spans' | 'all';
  /**
   * Models that metrics tell apart; all others are `_OTHER`. Default: the first 100 that a call completed with.
   *
   * @default learned
   */
  readonly models?: readonly string[];
  /**
   * The provider's name, where the format does not say it: `azure.ai.openai`, `aws.bedrock`, `deepseek`.
   *
   * @default by the format: `anthropic` or `openai`
   */
  readonly provider?: string;
  /**
   * What an attempt cost, in your currency; undefined where you do not know. Called with each attempt that used tokens.
   *
   * @default none, and no cost is told
   */
  readonly cost?: CostOf;
  /**
   * Adds a `Server-Timing` header to answers. It tells callers how often was tried, and how long things took.
   *
   * @default false
   */
  readonly serverTiming?: boolean;
  /**
   * Brings the events of other plugins; made with `pluginEvents()`.
   *
   * @default none
   */
  readonly events?: PluginEvents;
}

/** The options, with defaults where none were given. */
export type TelemetrySettings = Required<Omit<TelemetryOptions, 'models' | 'provider' | 'cost' | 'events'>> &
  Pick<TelemetryOptions, 'models' | 'provider' | 'cost' | 'events'>;

const flag = v.exactOptional(v.boolean('must be true or false'), false);
const name = v.pipe(v.string('must be a name'), v.regex(/^[\w.:/@+-]{1,128}$/, 'must be a name'));

/** Checks the options and fills in the defaults. */
export const options: OptionSchema<TelemetrySettings> = v.strictObject({
  trustInbound: flag,
  tenant: v.exactOptional(v.picklist(['off', 'spans', 'all'], 'must be "off", "spans" or "all"'), 'off'),
  models: v.exactOptional(
    v.pipe(v.array(name, 'must be a list of names'), v.maxLength(1_000, 'must have 1000 names at most')),
  ),
  provider: v.exactOptional(name),
  cost: v.exactOptional(v.custom<CostOf>((value) => typeof value === 'function', 'must be a function')),
  serverTiming: flag,
  events: v.exactOptional(v.instance(PluginEvents, 'must be made with pluginEvents()')),
});
