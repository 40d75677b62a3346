// CPU that telemetry adds to a call, in process and without sockets: `node test/bench/telemetry.ts`.
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { context } from '@opentelemetry/api';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { AlwaysOffSampler, type Sampler, TracerProvider } from '@opentelemetry/sdk-trace';
import {
  createPipeline,
  type Pipeline,
  provide,
  responseFrom,
  TRANSPORT,
  type Transport,
} from '@sluice/core';
import { anthropicMessage } from '@sluice/core/testing';
import { METER_PROVIDER, telemetry, TRACER_PROVIDER } from '@sluice/telemetry';

const ROUNDS = 60;
const CALLS = 1_500;
const JSON_TYPE = { 'content-type': 'application/json' };
const answer = Buffer.from(anthropicMessage({ text: 'Hello' }));
const body = Buffer.from(
  JSON.stringify({ model: 'any', max_tokens: 64, messages: [{ role: 'user', content: 'Hi' }] }),
);
const transport: Transport = {
  send: (_, { format }) =>
    Promise.resolve(responseFrom({ status: 200, headers: JSON_TYPE, body: answer }, format)),
};

class Reader extends MetricReader {
  protected override onForceFlush(): Promise<void> {
    return Promise.resolve();
  }
  protected override onShutdown(): Promise<void> {
    return Promise.resolve();
  }
}
const ignoring = {
  onStart: () => undefined,
  onEnd: () => undefined,
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};
const tracing = (sampler?: Sampler) =>
  provide(
    TRACER_PROVIDER,
    () => new TracerProvider({ spanProcessors: [ignoring], ...(sampler === undefined ? {} : { sampler }) }),
  );
const measuring = () => provide(METER_PROVIDER, () => new MeterProvider({ readers: [new Reader()] }));

const pipeline = (
  services: Parameters<typeof createPipeline>[0]['services'] & object,
  seen = true,
): Pipeline =>
  createPipeline({
    upstream: 'https://upstream.test',
    plugins: seen ? [telemetry()] : [],
    services: [provide(TRANSPORT, () => transport), ...services],
  });
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
const subjects: Readonly<Record<string, Pipeline>> = {
  'no plugin': pipeline([], false),
  'no SDK': pipeline([]),
  'spans, not sampled': pipeline([tracing(new AlwaysOffSampler())]),
  spans: pipeline([tracing()]),
  metrics: pipeline([measuring()]),
  'spans and metrics': pipeline([tracing(), measuring()]),
};

async function microseconds(subject: Pipeline): Promise<number> {
  const before = process.cpuUsage();
  for (let i = 0; i < CALLS; i++) {
    const response = await subject.handle({
      method: 'POST',
      target: '/v1/messages',
      headers: JSON_TYPE,
      body,
    });
    await response.arrayBuffer();
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / CALLS;
}

const times = new Map<string, number[]>();
for (let round = -5; round < ROUNDS; round++) {
  for (const [name, subject] of Object.entries(subjects)) {
    const time = await microseconds(subject);
    if (round >= 0) times.set(name, [...(times.get(name) ?? []), time]);
  }
}
// The quarter of the rounds that was least disturbed.
const typical = (name: string): number =>
  times.get(name)?.toSorted((one, other) => one - other)[ROUNDS / 4] ?? Number.NaN;
for (const name of times.keys())
  console.log(`${name.padEnd(20)} +${(typical(name) - typical('no plugin')).toFixed(1)} µs a call`);
