import { CLOCK, definePlugin, type PluginFactory, RANDOM, TRANSPORT, UPSTREAM } from '@sluice/core';
import { ENDPOINT_HEALTH } from './endpoint-health.ts';
import type { RegionRoutingOptions } from './options.ts';
import { Router } from './router.ts';
import { options } from './schema.ts';

/**
 * Sends each attempt to one of several endpoints: one in a permitted region that can take the call, is well and was not
 * tried yet, and of these the one that is likely to answer first. It never tries again by itself; `retry` does, and each
 * of its attempts passes here anew.
 */
export const regionRouting: PluginFactory<RegionRoutingOptions> = definePlugin({
  name: 'region-routing',
  inside: ['retry'],
  outside: ['circuit-breaker', 'credentials'],
  needs: { clock: CLOCK, random: RANDOM, health: ENDPOINT_HEALTH, transport: TRANSPORT, upstream: UPSTREAM },
  options,
  create: (settings, services) => new Router(settings, services),
});
