import { CLOCK, definePlugin, type PluginFactory } from '@sluice/core';
import { Limiter } from './limiter.ts';
import { LIMIT_STORE } from './limit-store.ts';
import { options, type RateLimitOptions } from './options.ts';

/**
 * Limits calls: requests, tokens, cost and concurrency, per tenant, app, model, endpoint or all together, in rolling
 * windows and by the calendar. One atomic step reserves what a call will probably use; what it has used is settled when
 * it has ended.
 */
export const rateLimit: PluginFactory<RateLimitOptions> = definePlugin({
  name: 'rate-limit',
  needs: { clock: CLOCK, store: LIMIT_STORE },
  options,
  create: (settings, { clock, store }) => new Limiter('rate-limit', settings, clock, store),
});
