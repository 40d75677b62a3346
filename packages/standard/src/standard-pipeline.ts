import {
  createPipeline,
  type Pipeline,
  type PipelineOptions,
  type Plugin,
  type Provision,
} from '@sluice/core';
import type { RoutingEndpoint } from '@sluice/region-routing';
import { checkKeys } from './check-keys.ts';
import { checkOptions, problem } from './check-options.ts';
import type { StandardOptions } from './options.ts';
import { redisServices } from './redis-services.ts';
import { standardPlugins } from './standard-plugins.ts';

/**
 * Assembles the recommended pipeline: audit, identity, labels, moderation, cache, rate-limit, retry, region-routing,
 * circuit-breaker, credentials, outermost first, as far as they are asked for. Without options beside `upstream` there
 * are retry and circuit-breaker. Needs no server and opens no connection.
 *
 * @throws TypeError One sentence that says what to do: an unknown or impossible option, a wrong order, a missing service.
 */
export function standardPipeline(options: StandardOptions): Pipeline {
  const checked = checkOptions(options);
  const plugins = standardPlugins(checked);
  // Before the first URL of theirs becomes the upstream: what is wrong with it is then said of the endpoints.
  plugins.find(({ name }) => name === 'region-routing')?.validate();
  checkKeys(checked);
  const passed = PASSED.filter((name) => checked[name] !== undefined).map((name) => [name, checked[name]]);
  return createPipeline({
    ...(Object.fromEntries(passed) as Pick<PipelineOptions, (typeof PASSED)[number]>),
    upstream: checked.upstream ?? (checked.endpoints[0] as RoutingEndpoint).url,
    plugins: arranged(plugins, checked),
    services: [...stores(checked), ...(checked.services ?? [])],
  });
}

/** What is `createPipeline`'s business alone. */
const PASSED = ['container', 'formats', 'timeouts', 'transport', 'jsonLimits', 'maxConcurrentCalls'] as const;

function arranged(plugins: readonly Plugin[], { arrange }: StandardOptions): readonly Plugin[] {
  if (arrange === undefined) return plugins;
  const list = arrange(plugins);
  if (!Array.isArray(list)) throw problem('option "arrange" must return the list of plugins');
  return list;
}

/** The stores on Redis. What the user's container has comes before them, and what is in `services` replaces both. */
function stores({ redis, redisPrefix = 'sluice:', container }: StandardOptions): readonly Provision[] {
  if (redis === undefined) return [];
  const own = redisServices(redis, redisPrefix);
  return own.filter(({ token }) => container?.isRegistered(token, true) !== true);
}
