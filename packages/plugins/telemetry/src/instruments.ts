import {
  type Counter,
  createNoopMeter,
  type Gauge,
  type Histogram,
  type Meter,
  type MeterProvider,
  type UpDownCounter,
} from '@opentelemetry/api';
import { BUCKETS, CONVENTIONS, type MetricDefinition, METRICS, SCOPE } from './conventions.ts';

interface InstrumentOf {
  readonly counter: Counter;
  readonly 'up-down-counter': UpDownCounter;
  readonly histogram: Histogram;
  readonly gauge: Gauge;
}

/** One instrument for each metric of the table, under the same name. */
export type Instruments = {
  readonly [Name in keyof typeof METRICS]: InstrumentOf[(typeof METRICS)[Name]['kind']];
};

/** Makes the instruments; undefined when nobody collects metrics, so that nothing is measured for nobody. */
export function instrumentsOf(provider: MeterProvider): Instruments | undefined {
  const meter = provider.getMeter(SCOPE.name, SCOPE.version, { schemaUrl: CONVENTIONS.schemaUrl });
  if (meter === createNoopMeter()) return undefined;
  const made = Object.entries(METRICS).map(([name, metric]) => [name, instrument(meter, metric)]);
  return Object.fromEntries(made) as Instruments;
}

function instrument(
  meter: Meter,
  { name, kind, unit, description, buckets }: MetricDefinition,
): InstrumentOf[MetricDefinition['kind']] {
  const about = { unit, description };
  switch (kind) {
    case 'counter':
      return meter.createCounter(name, about);
    case 'up-down-counter':
      return meter.createUpDownCounter(name, about);
    case 'gauge':
      return meter.createGauge(name, about);
    case 'histogram':
      return meter.createHistogram(name, {
        ...about,
        ...(buckets === undefined ? {} : { advice: { explicitBucketBoundaries: [...BUCKETS[buckets]] } }),
      });
  }
}
