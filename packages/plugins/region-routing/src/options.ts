import type { ApiRequest, Context } from '@sluice/core';
import type { RoutingEndpoint } from './endpoint.ts';
import type { EndpointSettings } from './endpoint-schema.ts';

/** How the endpoint for a call is picked among those that can take it. */
export type RoutingStrategy = 'latency' | 'priority' | 'weighted' | 'round-robin';

/** Regions that a call may be sent to. */
export type RegionRule = (request: ApiRequest, ctx: Context) => readonly string[] | undefined;

/** Options of `regionRouting`. */
export interface RegionRoutingOptions {
  /** Where calls can go, all of them places that you are entitled to use. At least one. */
  readonly endpoints: readonly RoutingEndpoint[];
  /**
   * How to pick: `latency` (least expected time to the first content), `priority` (the first in the list),
   * `weighted` (by chance), `round-robin` (in turn).
   *
   * @default 'latency'
   */
  readonly strategy?: RoutingStrategy;
  /**
   * Regions that calls may be sent to, or a function that says so for each call; it only ever narrows what the state
   * key `ALLOWED_REGIONS` allows. Never crossed, whatever is down. Default: all.
   */
  readonly allowedRegions?: readonly string[] | RegionRule;
  /**
   * Keeps a conversation at one endpoint, for the sake of the provider's prompt cache. Gives way to health, to overload
   * and to an endpoint three times as fast.
   *
   * @default false
   */
  readonly affinity?: boolean;
  /** When endpoints that fail are taken out of rotation; false: never. */
  readonly ejection?: false | EjectionOptions;
  /**
   * How long an endpoint that throttles (429) is left alone when it does not say, in milliseconds.
   *
   * @default 1_000
   */
  readonly coolDownMs?: number;
  /**
   * How long an endpoint takes to get its full share again after an ejection, in milliseconds.
   *
   * @default 30_000
   */
  readonly slowStartMs?: number;
  /** Asks endpoints for their list of models when traffic has told nothing of them for a while. Default: false. */
  readonly checks?: false | CheckOptions;
  /**
   * Tells the caller in response headers where its answer came from: `x-sluice-endpoint`, `x-sluice-region`, and
   * `x-sluice-diagnosis` with a 403.
   *
   * @default false
   */
  readonly announce?: boolean;
  /**
   * Allows `http:` endpoints beyond loopback. Keys and prompts then travel in clear; the transport needs
   * `allowInsecureUpstream` as well.
   *
   * @default false
   */
  readonly allowInsecureEndpoints?: boolean;
}

/** When an endpoint that fails is taken out of rotation, and for how long. */
export interface EjectionOptions {
  /**
   * Failures in a row.
   *
   * @default 5
   */
  readonly consecutiveFailures?: number;
  /**
   * Share of failures among the calls of the window, from 0 to 1.
   *
   * @default 0.5
   */
  readonly failureRate?: number;
  /**
   * Calls within the window below which the share says nothing.
   *
   * @default 10
   */
  readonly minCalls?: number;
  /**
   * The window, in milliseconds.
   *
   * @default 60_000
   */
  readonly windowMs?: number;
  /**
   * The first ejection, in milliseconds; each further one lasts as much longer.
   *
   * @default 30_000
   */
  readonly baseMs?: number;
  /**
   * The longest ejection, in milliseconds.
   *
   * @default 300_000
   */
  readonly maxMs?: number;
  /**
   * Share of all endpoints that may be ejected at once, from 0 to 1.
   *
   * @default 0.5
   */
  readonly maxShare?: number;
}

/** How idle endpoints are checked. */
export interface CheckOptions {
  /**
   * How long an endpoint may be silent before it is checked, and the time between two checks; in milliseconds, give or
   * take a fifth.
   *
   * @default 30_000
   */
  readonly intervalMs?: number;
  /**
   * How long a check may take, in milliseconds.
   *
   * @default 5_000
   */
  readonly timeoutMs?: number;
  /**
   * What is asked for, by GET, behind the endpoint's URL. It must cost nothing.
   *
   * @default '/v1/models'
   */
  readonly path?: string;
}

/** {@link EjectionOptions} with defaults. */
export type EjectionSettings = Required<EjectionOptions>;
/** {@link CheckOptions} with defaults. */
export type CheckSettings = Required<CheckOptions>;

/** The options, with defaults where none were given. */
export interface RegionRoutingSettings extends Required<
  Omit<RegionRoutingOptions, 'endpoints' | 'allowedRegions' | 'ejection' | 'checks'>
> {
  readonly endpoints: readonly EndpointSettings[];
  readonly allowedRegions?: readonly string[] | RegionRule;
  readonly ejection: false | EjectionSettings;
  readonly checks: false | CheckSettings;
}
