import {
  type MeterProvider,
  metrics,
  propagation,
  type TextMapPropagator,
  trace,
  type TracerProvider,
} from '@opentelemetry/api';
import { token, type Token } from '@sluice/core';

/** Who makes spans. Embedded default: the provider that the application has registered, if any, now or later. */
export const TRACER_PROVIDER: Token<TracerProvider> = token('tracer-provider', {
  create: () => trace.getTracerProvider(),
});

/**
 * Who makes metrics. Embedded default: the provider that the application has registered when the pipeline starts, which
 * is at its first call at the latest.
 */
export const METER_PROVIDER: Token<MeterProvider> = token('meter-provider', {
  // The API has no stand-in that passes on to a provider registered later, as it has for traces.
  create: () => ({ getMeter: (...about) => metrics.getMeter(...about) }),
});

/** Reads and writes trace context. Embedded default: the propagator that the application has registered. */
export const PROPAGATOR: Token<TextMapPropagator> = token('propagator', {
  create: () => ({
    inject: (context, carrier, setter) => propagation.inject(context, carrier, setter),
    extract: (context, carrier, getter) => propagation.extract(context, carrier, getter),
    fields: () => propagation.fields(),
  }),
});
