import { audit } from '@sluice/audit';
import { cache } from '@sluice/cache';
import { circuitBreaker } from '@sluice/circuit-breaker';
import type { Plugin } from '@sluice/core';
import { credentials } from '@sluice/credentials';
import { identity } from '@sluice/identity';
import { labels } from '@sluice/labels';
import { moderation } from '@sluice/moderation';
import { rateLimit } from '@sluice/rate-limit';
import { regionRouting } from '@sluice/region-routing';
import { retry } from '@sluice/retry';
import { isPlugin } from './is-plugin.ts';
import type { DefaultedPart, StandardOptions } from './options.ts';

/** The plugins that the options ask for, outermost first. */
export function standardPlugins(options: StandardOptions): readonly Plugin[] {
  return [
    // Records what all the others refuse.
    ...part(audit, options.audit),
    // Before everything that asks who calls.
    ...part(identity, options.identity),
    // Outside moderation and cache: a label is neither moderated nor stored.
    ...part(labels, options.labels),
    // Outside the cache: a stored answer is moderated again, by the rules of the day.
    ...part(moderation, options.moderation),
    // Outside limits and circuits: a hit costs no quota, and is there while the upstream is not.
    ...part(cache, options.cache),
    // Outside retry: a call is counted once, however many attempts it takes.
    ...part(rateLimit, options.rateLimit),
    // Outside routing: each attempt may go elsewhere.
    ...part(retry, options.retry ?? true),
    ...routing(options),
    // Inside both: it sees every attempt, for the endpoint that it goes to.
    ...part(circuitBreaker, options.circuitBreaker ?? true),
    // Innermost: keys belong to endpoints.
    ...part(credentials, options.credentials),
  ];
}

function routing(options: StandardOptions): readonly Plugin[] {
  if (options.endpoints === undefined) return options.regionRouting ? [options.regionRouting] : [];
  const { endpoints, regionRouting: others = true } = options;
  return [regionRouting({ ...(others === true ? {} : others), endpoints })];
}

/** No plugin or one. A plugin that cannot do without options says which it needs. */
function part<Options extends object>(
  make: (options: Options) => Plugin,
  given: DefaultedPart<Options> | undefined,
): readonly Plugin[] {
  if (given === undefined || given === false) return [];
  if (isPlugin(given)) return [given];
  return [make(given === true ? ({} as Options) : given)];
}
