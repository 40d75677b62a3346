import {
  context,
  type Histogram,
  type Meter,
  type Span,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import { provide, type Provision } from '@sluice/core';
import { anthropicMessage, anthropicStream, streamAnswer, testPipeline } from '@sluice/core/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openTelemetry } from '../../../../test/support/opentelemetry.ts';
import {
  METER_PROVIDER,
  pluginEvents,
  PROPAGATOR,
  telemetry,
  TRACER_PROVIDER,
  tracePropagation,
} from './index.ts';

const broken = (): never => {
  throw new Error('the SDK is broken');
};
/** Throws whatever is asked of it, but for what is named. */
function brokenBut<T extends object>(parts: Partial<T>): T {
  return new Proxy(parts, { get: (target, name) => Reflect.get(target, name) ?? broken }) as T;
}
const tracerProvider = (tracer: Tracer): Provision =>
  provide(TRACER_PROVIDER, (): TracerProvider => ({ getTracer: () => tracer }));
const span = brokenBut<Span>({
  spanContext: () => ({
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    traceFlags: 1,
  }),
  isRecording: () => true,
});
const instrument = brokenBut<Histogram>({});
const meter = {
  createCounter: () => instrument,
  createUpDownCounter: () => instrument,
  createGauge: () => instrument,
  createHistogram: () => instrument,
} as unknown as Meter;

const BREAKS: readonly (readonly [what: string, services: readonly Provision[]])[] = [
  ['a tracer provider', [provide(TRACER_PROVIDER, () => ({ getTracer: broken }))]],
  ['a tracer', [tracerProvider(brokenBut<Tracer>({}))]],
  ['a span', [tracerProvider({ startSpan: () => span } as unknown as Tracer)]],
  ['a meter provider', [provide(METER_PROVIDER, () => ({ getMeter: broken }))]],
  ['a meter', [provide(METER_PROVIDER, () => ({ getMeter: () => brokenBut<Meter>({}) }))]],
  ['an instrument', [provide(METER_PROVIDER, () => ({ getMeter: () => meter }))]],
  ['a propagator', [provide(PROPAGATOR, () => ({ inject: broken, extract: broken, fields: broken }))]],
  [
    'everything',
    [
      tracerProvider({ startSpan: () => span } as unknown as Tracer),
      provide(METER_PROVIDER, () => ({ getMeter: () => meter })),
      provide(PROPAGATOR, () => ({ inject: broken, extract: broken, fields: broken })),
    ],
  ],
];

test.each(BREAKS)('%s that throws breaks no call, and is told once', async (_, services) => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  onTestFinished(() => warn.mockRestore());
  const otel = openTelemetry();
  const events = pluginEvents();
  const sse = anthropicStream({ text: 'One two three' });
  const cost = broken;
  await using pipe = testPipeline({
    plugins: [telemetry({ events, cost, serverTiming: true }), tracePropagation()],
    services: [
      ...otel.services.filter(({ token }) => services.every((other) => other.token !== token)),
      ...services,
    ],
    answers: [
      new Response(anthropicMessage({ text: 'Hello' }), { headers: { 'content-type': 'application/json' } }),
      streamAnswer(sse),
      new Response('{}', { status: 400 }),
    ],
  });
  const headers = {
    'content-type': 'application/json',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  };
  expect(await (await pipe.post({}, { headers })).text()).toContain('Hello');
  expect(await (await pipe.post({ stream: true }, { headers })).text()).toBe(sse.join(''));
  expect(await (await pipe.post({}, { headers })).text()).toBe('{}');
  events.emit({ type: 'circuit-open', endpoint: 'eu' });
  expect(pipe.outcomes.map(({ kind, attempts }) => [kind, attempts])).toEqual([
    ['completed', 1],
    ['completed', 1],
    ['upstream-error', 1],
  ]);
  const [first] = warn.mock.calls[0] ?? [];
  expect(String(first)).toContain('telemetry failed and was passed over');
  // Once for each of the two plugins, however many calls there are.
  expect(warn.mock.calls.length).toBeLessThanOrEqual(2);
});

test('a context manager that throws runs nothing twice', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  const otel = openTelemetry();
  const { with: original } = context;
  onTestFinished(() => {
    warn.mockRestore();
    context.with = original;
  });
  const attempts: number[] = [];
  for (const runs of [false, true]) {
    context.with = ((_active: unknown, run: () => unknown) => {
      if (runs) run();
      return broken();
    }) as typeof context.with;
    await using pipe = testPipeline({
      plugins: [telemetry()],
      services: otel.services,
      answers: [
        new Response(anthropicMessage({ text: 'Hello' }), {
          headers: { 'content-type': 'application/json' },
        }),
      ],
    });
    expect((await pipe.post()).status).toBe(200);
    attempts.push(pipe.transport.requests.length);
  }
  expect(attempts).toEqual([1, 1]);
  expect(trace.getActiveSpan()).toBeUndefined();
});

test('a metric that cannot be recorded leaves no span open', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  onTestFinished(() => warn.mockRestore());
  const otel = openTelemetry();
  const [tracers] = otel.services;
  await using pipe = testPipeline({
    plugins: [telemetry()],
    services: [tracers as Provision, provide(METER_PROVIDER, () => ({ getMeter: () => meter }))],
    answers: [
      new Response(anthropicMessage({ text: 'Hello' }), { headers: { 'content-type': 'application/json' } }),
    ],
  });
  await (await pipe.post()).text();
  expect(otel.spans()).toHaveLength(2);
  expect(otel.open.size).toBe(0);
});
