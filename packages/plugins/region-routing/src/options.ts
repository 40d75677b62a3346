import type { ApiRequest, Context, OptionSchema } from '@sluice/core';
import * as v from 'valibot';
import type { RoutingEndpoint } from './endpoint.ts';
import { endpoints, type EndpointSettings } from './endpoint-schema.ts';

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

const milliseconds = v.pipe(
  v.number('must be a number of milliseconds'),
  v.finite('must be finite'),
  v.minValue(0, 'must be at least 0'),
);
const positiveMs = v.pipe(
  v.number('must be a number of milliseconds'),
  v.finite('must be finite'),
  v.minValue(1, 'must be at least 1'),
);
const count = v.pipe(
  v.number('must be a whole number'),
  v.integer('must be a whole number'),
  v.minValue(1, 'must be at least 1'),
);
const share = v.pipe(
  v.number('must be a number from 0 to 1'),
  v.minValue(0, 'must be a number from 0 to 1'),
  v.maxValue(1, 'must be a number from 0 to 1'),
);
const flag = v.boolean('must be true or false');

const ejection = v.pipe(
  v.strictObject({
    consecutiveFailures: v.exactOptional(count, 5),
    failureRate: v.exactOptional(v.pipe(share, v.gtValue(0, 'must be more than 0')), 0.5),
    minCalls: v.exactOptional(count, 10),
    windowMs: v.exactOptional(positiveMs, 60_000),
    baseMs: v.exactOptional(positiveMs, 30_000),
    maxMs: v.exactOptional(positiveMs, 300_000),
    maxShare: v.exactOptional(share, 0.5),
  }),
  v.check(({ baseMs, maxMs }) => maxMs >= baseMs, 'maxMs must not be less than baseMs'),
);

const checks = v.pipe(
  v.strictObject({
    intervalMs: v.exactOptional(v.pipe(positiveMs, v.minValue(1_000, 'must be at least 1000')), 30_000),
    timeoutMs: v.exactOptional(positiveMs, 5_000),
    path: v.exactOptional(
      v.pipe(v.string('must be a path'), v.regex(/^\/[!-~]*$/, 'must be a path')),
      '/v1/models',
    ),
  }),
  v.check(({ intervalMs, timeoutMs }) => timeoutMs < intervalMs, 'timeoutMs must be less than intervalMs'),
);

const regions = v.pipe(
  v.array(
    v.string('must be the name of a region'),
    'must be a list of regions, or a function that returns one',
  ),
  v.minLength(1, 'must name at least one region'),
);

const isRule = (value: unknown): value is RegionRule => typeof value === 'function';

/** Checks the options and fills in the defaults. */
export const options: OptionSchema<RegionRoutingSettings> = v.pipe(
  v.strictObject({
    endpoints,
    strategy: v.exactOptional(
      v.picklist(
        ['latency', 'priority', 'weighted', 'round-robin'],
        'must be "latency", "priority", "weighted" or "round-robin"',
      ),
      'latency',
    ),
    allowedRegions: v.exactOptional(v.union([v.custom<RegionRule>(isRule), regions])),
    affinity: v.exactOptional(flag, false),
    ejection: v.exactOptional(v.union([v.literal(false), ejection]), () => v.parse(ejection, {})),
    coolDownMs: v.exactOptional(milliseconds, 1_000),
    slowStartMs: v.exactOptional(milliseconds, 30_000),
    checks: v.exactOptional(v.union([v.literal(false), checks]), false),
    announce: v.exactOptional(flag, false),
    allowInsecureEndpoints: v.exactOptional(flag, false),
  }),
  v.check(
    ({ endpoints: list, allowInsecureEndpoints }) =>
      allowInsecureEndpoints || list.every(({ url }) => isPrivate(url)),
    "every endpoint's url must be https: unless it is loopback; set allowInsecureEndpoints to send keys and prompts in clear",
  ),
  v.check(
    ({ endpoints: list, allowedRegions }) =>
      !Array.isArray(allowedRegions) ||
      allowedRegions.length === 0 ||
      list.some(({ region }) => allowedRegions.includes(region)),
    'none of the endpoints is in a region of allowedRegions; add one, or correct a name',
  ),
);

/** Whether what is sent there can be read by nobody else. */
function isPrivate(url: string): boolean {
  // What is no URL at all is another complaint.
  const { protocol, hostname } = URL.parse(url) ?? { protocol: 'https:', hostname: '' };
  return (
    protocol === 'https:' ||
    hostname === 'localhost' ||
    hostname === '[::1]' ||
    /^127(\.\d+){3}$/.test(hostname)
  );
}
