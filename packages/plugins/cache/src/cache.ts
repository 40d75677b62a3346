import { CLOCK, definePlugin, type PluginFactory, RANDOM } from '@sluice/core';
import { Caching } from './caching.ts';
import { type CacheOptions, options } from './options.ts';
import { CACHE_STORE } from './store.ts';

/**
 * Answers what was answered before: exact matches only, never across tenants, streams as streams. Identical calls that
 * are in progress share one request upstream. A store that fails makes misses, never errors.
 */
export const cache: PluginFactory<CacheOptions> = definePlugin({
  name: 'cache',
  outside: ['rate-limit', 'retry', 'region-routing', 'circuit-breaker', 'credentials'],
  inside: ['audit', 'identity', 'moderation'],
  needs: { clock: CLOCK, random: RANDOM, store: CACHE_STORE },
  onError: 'open',
  options,
  create: (settings, services) => {
    const caching = new Caching(settings, services);
    return {
      handle: (request, next, ctx) => caching.handle(request, next, ctx),
      inspect: () => [{ ...caching.statistics }],
      close: () => caching.close(),
    };
  },
});
