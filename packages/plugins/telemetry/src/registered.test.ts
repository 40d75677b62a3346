import { metrics, trace } from '@opentelemetry/api';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { anthropicMessage, testPipeline } from '@sluice/core/testing';
import { expect, onTestFinished, test } from 'vitest';
import { telemetry } from './index.ts';

class Reader extends MetricReader {
  protected override onForceFlush(): Promise<void> {
    return Promise.resolve();
  }
  protected override onShutdown(): Promise<void> {
    return Promise.resolve();
  }
}
const answer = (): Response =>
  new Response(anthropicMessage({ text: 'Hello' }), { headers: { 'content-type': 'application/json' } });

test('an SDK that is registered after the pipeline was made is found; for spans, after its first call too', async () => {
  onTestFinished(() => {
    trace.disable();
    metrics.disable();
  });
  const exporter = new InMemorySpanExporter();
  const reader = new Reader();
  await using pipe = testPipeline({ plugins: [telemetry()], answers: [answer, answer] });
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  await (await pipe.post()).text();
  expect(exporter.getFinishedSpans()).toEqual([]);

  trace.setGlobalTracerProvider(
    new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }),
  );
  await (await pipe.post()).text();
  expect(exporter.getFinishedSpans().map(({ name }) => name)).toEqual(['POST', 'chat any']);
  const { resourceMetrics } = await reader.collect();
  const found = resourceMetrics.scopeMetrics
    .flatMap((scope) => scope.metrics)
    .find(({ descriptor }) => descriptor.name === 'gen_ai.client.operation.duration');
  expect(found?.dataPoints).toMatchObject([{ value: { count: 2 } }]);
});
