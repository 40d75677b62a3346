export { type AttemptEnd, type CallEnd, type CallStart } from './channels.ts';
export { ATTRIBUTE, CONVENTIONS, type MetricDefinition, METRICS } from './conventions.ts';
export type { CostOf, TelemetryOptions } from './options.ts';
export { type PluginEvent, pluginEvents, type PluginEvents } from './plugin-events.ts';
export { METER_PROVIDER, PROPAGATOR, TRACER_PROVIDER } from './services.ts';
export { telemetry } from './telemetry.ts';
export { tracePropagation, type TracePropagationOptions } from './trace-propagation.ts';
