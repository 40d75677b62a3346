import type { TextMapPropagator, Tracer } from '@opentelemetry/api';
import type { Clock } from '@sluice/core';
import type { Guard } from './guard.ts';
import type { Instruments } from './instruments.ts';
import type { KnownNames } from './known-names.ts';
import type { TelemetrySettings } from './options.ts';

/** What the calls of one pipeline share. */
export interface Parts {
  readonly settings: TelemetrySettings;
  readonly clock: Clock;
  readonly guard: Guard;
  readonly tracer: Tracer;
  readonly propagator: TextMapPropagator;
  /** Undefined when nobody collects metrics. */
  readonly instruments: Instruments | undefined;
  /** Models that metrics tell apart. */
  readonly models: KnownNames;
  /** Tenants that metrics tell apart. */
  readonly tenants: KnownNames;
  /** Where attempts go that no routing sends elsewhere. */
  readonly server: { readonly address: string; readonly port: number };
}
