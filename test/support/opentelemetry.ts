import { context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { type DataPoint, type Histogram, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import {
  InMemorySpanExporter,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { provide, type Provision } from '@sluice/core';
import { METER_PROVIDER, PROPAGATOR, TRACER_PROVIDER } from '@sluice/telemetry';

/** The real SDK, with everything that was exported at hand. */
export interface OpenTelemetry {
  /** For a pipeline's `services`. */
  readonly services: readonly Provision[];
  /** What makes spans, for those that are not the plugin's. */
  readonly tracers: TracerProvider;
  /** Spans that have ended, in order of their ends. */
  spans(): ReadableSpan[];
  /** Ids of the spans that have begun and not ended. */
  readonly open: ReadonlySet<string>;
  /** Everything that was recorded under a name so far. */
  points(name: string): Promise<DataPoint<number | Histogram>[]>;
  /** The sum of a counter, or how often a histogram was recorded, over the points that have these attributes. */
  total(name: string, attributes?: Readonly<Record<string, unknown>>): Promise<number>;
}

class Reader extends MetricReader {
  protected override onForceFlush(): Promise<void> {
    return Promise.resolve();
  }
  protected override onShutdown(): Promise<void> {
    return Promise.resolve();
  }
}

/** Starts the SDK, for one test and without registering it anywhere but for the context manager, which is Node's own. */
export function openTelemetry(sampler?: Sampler): OpenTelemetry {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const exporter = new InMemorySpanExporter();
  const open = new Set<string>();
  const tracers = new TracerProvider({
    ...(sampler === undefined ? {} : { sampler }),
    spanProcessors: [
      new SimpleSpanProcessor({ exporter }),
      {
        onStart: (span) => void open.add(span.spanContext().spanId),
        onEnd: (span) => void open.delete(span.spanContext().spanId),
        forceFlush: () => Promise.resolve(),
        shutdown: () => Promise.resolve(),
      },
    ],
  });
  const reader = new Reader();
  const meters = new MeterProvider({ readers: [reader] });

  const points = async (name: string): Promise<DataPoint<number | Histogram>[]> => {
    const { resourceMetrics } = await reader.collect();
    return resourceMetrics.scopeMetrics
      .flatMap(({ metrics }) => metrics)
      .filter(({ descriptor }) => descriptor.name === name)
      .flatMap(({ dataPoints }) => dataPoints as DataPoint<number | Histogram>[]);
  };
  return {
    services: [
      provide(TRACER_PROVIDER, () => tracers),
      provide(METER_PROVIDER, () => meters),
      provide(PROPAGATOR, () => new W3CTraceContextPropagator()),
    ],
    tracers,
    spans: () => exporter.getFinishedSpans(),
    open,
    points,
    async total(name, attributes = {}) {
      const wanted = Object.entries(attributes);
      const found = (await points(name)).filter((point) =>
        wanted.every(([key, value]) => point.attributes[key] === value),
      );
      return found.reduce((sum, { value }) => sum + (typeof value === 'number' ? value : value.count), 0);
    },
  };
}
