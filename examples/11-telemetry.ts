// Telemetry: spans and Prometheus metrics by the OpenTelemetry SDK that the app brings, and channels for those without.
import { metrics, trace } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { circuitBreaker } from '@sluice/circuit-breaker';
import { createPipeline } from '@sluice/core';
import { retry } from '@sluice/retry';
import { type CallEnd, pluginEvents, telemetry } from '@sluice/telemetry';
import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Anthropic from '@anthropic-ai/sdk';
import { claudeOrFake } from './support/upstream.ts';

await using upstream = await claudeOrFake();
const { apiKey } = upstream;
const spans = new InMemorySpanExporter();

// #region sdk
// The app's own: which exporter, where to, how many. Before the pipeline starts.
const exporter = new PrometheusExporter({ preventServerStart: true });
metrics.setGlobalMeterProvider(new MeterProvider({ readers: [exporter] }));
trace.setGlobalTracerProvider(
  new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spans })] }),
);
// #endregion

// #region pipeline
const events = pluginEvents();
const pipeline = createPipeline({
  upstream: upstream.url, // https://api.anthropic.com
  plugins: [
    telemetry({
      events,
      // What you pay for a million tokens of input and of output.
      cost: (_model, { inputTokens = 0, outputTokens = 0 }) => (inputTokens * 1 + outputTokens * 5) / 1e6,
    }),
    retry(),
    circuitBreaker({ onChange: events.emit }),
  ],
});
// #endregion

// #region channels
// Without OpenTelemetry: Node's own channels.
subscribe('sluice:call:end', (message) => {
  const { model, outcome, attempts, durationMs } = message as CallEnd;
  console.log(`${model}: ${outcome} after ${attempts} attempts and ${Math.round(durationMs)} ms`);
});
// #endregion

// #region metrics
const server = createServer((request, response) => {
  if (request.url === '/metrics') exporter.getMetricsRequestHandler(request, response);
  else response.writeHead(404).end();
});
// #endregion
server.listen(0, '127.0.0.1');
await once(server, 'listening');

const client = new Anthropic({ apiKey, fetch: pipeline.fetch, maxRetries: 0 });
const ask = {
  model: 'claude-haiku-4-5',
  max_tokens: 100,
  messages: [{ role: 'user' as const, content: 'Hi' }],
};
await client.messages.create(ask);
upstream.fake?.reply('status; status=529'); // Survived, and seen.
await client.messages.create({ ...ask, stream: true }).then(async (stream) => {
  for await (const event of stream) if (event.type === 'message_stop') console.log('A stream has ended.');
});

console.log('\nSpans:');
for (const { name, attributes, duration, instrumentationScope } of spans.getFinishedSpans().toReversed()) {
  // The official SDK makes spans too.
  if (instrumentationScope.name !== '@sluice/telemetry') continue;
  const ms = Math.round(duration[0] * 1e3 + duration[1] / 1e6);
  const isCall = 'sluice.outcome' in attributes;
  const what = isCall ? attributes['sluice.outcome'] : attributes['http.response.status_code'];
  console.log(`${isCall ? '' : '  '}${name}  ${String(what)}  ${ms} ms`);
}

const { port } = server.address() as AddressInfo;
const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
console.log(`\nhttp://127.0.0.1:${port}/metrics, among others:`);
for (const line of text.split('\n'))
  if (/^(gen_ai_client_operation_duration_count|sluice_(retries|cost)_total)/.test(line)) console.log(line);

await pipeline.close();
server.close();
server.closeAllConnections();
