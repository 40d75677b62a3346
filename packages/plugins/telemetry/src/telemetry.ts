import { CLOCK, definePlugin, type PluginFactory, UPSTREAM } from '@sluice/core';
import { Observatory } from './observatory.ts';
import { options, type TelemetryOptions } from './options.ts';
import { METER_PROVIDER, PROPAGATOR, TRACER_PROVIDER } from './services.ts';

/**
 * Tells how calls go: a span for each call and each of its attempts, metrics, and events of `node:diagnostics_channel`.
 * To whom is up to the application: it brings the OpenTelemetry SDK, or subscribes to the channels. Content is never told.
 */
export const telemetry: PluginFactory<TelemetryOptions> = definePlugin({
  name: 'telemetry',
  outside: [
    'audit',
    'identity',
    'labels',
    'moderation',
    'cache',
    'rate-limit',
    'retry',
    'region-routing',
    'circuit-breaker',
    'credentials',
    'trace-propagation',
  ],
  needs: {
    clock: CLOCK,
    tracers: TRACER_PROVIDER,
    meters: METER_PROVIDER,
    propagator: PROPAGATOR,
    upstream: UPSTREAM,
  },
  options,
  // To see nothing is bad; to answer nothing is worse.
  onError: 'open',
  create: (settings, services) => new Observatory(settings, services),
});
