import type { OptionSchema } from '@sluice/core';
import * as v from 'valibot';
import { endpoints } from './endpoint-schema.ts';
import type { RegionRoutingSettings, RegionRule } from './options.ts';

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

/** Checks the options of `regionRouting` and fills in the defaults. */
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
    ({ strategy, affinity }) => !(affinity && strategy === 'priority'),
    'strategy "priority" sends every conversation to the same endpoint anyway; remove affinity, or choose another strategy',
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
