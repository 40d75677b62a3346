import { context, trace } from '@opentelemetry/api';
import { ALLOWED_REGIONS, definePlugin } from '@sluice/core';
import { anthropicMessage, testPipeline, type TestPipeline } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import { openTelemetry, type OpenTelemetry } from '../../../../test/support/opentelemetry.ts';
import { telemetry, type TelemetryOptions, tracePropagation, type TracePropagationOptions } from './index.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const INBOUND = {
  'content-type': 'application/json',
  traceparent: `00-${TRACE}-${SPAN}-01`,
  tracestate: 'theirs=secret',
  baggage: 'user=secret',
};
const answer = (): Response =>
  new Response(anthropicMessage({ text: 'Hello' }), { headers: { 'content-type': 'application/json' } });

function traced(
  otel: OpenTelemetry,
  options: TelemetryOptions = {},
  propagation?: TracePropagationOptions,
): TestPipeline {
  const again = definePlugin({
    name: 'again',
    create: () => ({
      async handle(request, next) {
        const response = await next(request);
        if (response.status < 500) return response;
        await response.text();
        return next({ ...request, endpoint: { id: 'ours' } });
      },
    }),
  });
  return testPipeline({
    plugins: [
      telemetry(options),
      again(),
      ...(propagation === undefined ? [] : [tracePropagation(propagation)]),
    ],
    services: otel.services,
    answers: [new Response('{}', { status: 503 }), answer],
  });
}

test("a stranger's trace context is a link and not the parent", async () => {
  const otel = openTelemetry();
  await using pipe = traced(otel);
  await (await pipe.post({}, { headers: INBOUND })).text();
  const call = otel.spans().at(-1);
  expect(call?.parentSpanContext).toBeUndefined();
  expect(call?.spanContext().traceId).not.toBe(TRACE);
  expect(call?.links.map((link) => link.context)).toEqual([
    { traceId: TRACE, spanId: SPAN, traceFlags: 1, isRemote: true },
  ]);
});

test('a trusted one is the parent', async () => {
  const otel = openTelemetry();
  await using pipe = traced(otel, { trustInbound: true });
  await (await pipe.post({}, { headers: INBOUND })).text();
  const call = otel.spans().at(-1);
  expect(call?.parentSpanContext).toMatchObject({ traceId: TRACE, spanId: SPAN });
  expect(call?.links).toEqual([]);
});

test("the app's own span is the parent, whatever is sent", async () => {
  const otel = openTelemetry();
  await using pipe = traced(otel, { trustInbound: true });
  const server = otel.tracers.getTracer('app').startSpan('POST /chat');
  const inApp = trace.setSpan(context.active(), server);
  await (await context.with(inApp, () => pipe.post({}, { headers: INBOUND }))).text();
  const call = otel.spans().at(-1);
  expect(call?.parentSpanContext?.spanId).toBe(server.spanContext().spanId);
  expect(call?.links).toHaveLength(1);
});

test.each(['', 'nonsense', `00-${'0'.repeat(32)}-${SPAN}-01`, `ff-${TRACE}-${SPAN}-01`, 'x'.repeat(10_000)])(
  'a traceparent that is none is ignored: %.40s',
  async (traceparent) => {
    const otel = openTelemetry();
    await using pipe = traced(otel, { trustInbound: true });
    await (await pipe.post({}, { headers: { ...INBOUND, traceparent } })).text();
    const call = otel.spans().at(-1);
    expect([call?.parentSpanContext, call?.links]).toEqual([undefined, []]);
  },
);

test("the upstream is sent neither the caller's context nor ours", async () => {
  const otel = openTelemetry();
  await using pipe = traced(otel, { trustInbound: true });
  await (await pipe.post({}, { headers: INBOUND })).text();
  for (const { headers } of pipe.transport.requests)
    expect(headers).toEqual({ 'content-type': 'application/json' });
});

test('with trace propagation each attempt is told the id of its own span', async () => {
  const otel = openTelemetry();
  await using pipe = traced(otel, {}, {});
  await (await pipe.post({}, { headers: INBOUND })).text();
  const [first, second, call] = otel.spans();
  expect(pipe.transport.requests.map(({ headers }) => headers)).toEqual(
    [first, second].map((span) => ({
      'content-type': 'application/json',
      traceparent: `00-${span?.spanContext().traceId}-${span?.spanContext().spanId}-01`,
    })),
  );
  expect(first?.parentSpanContext?.spanId).toBe(call?.spanContext().spanId);
  expect(second?.attributes).toMatchObject({
    'http.request.resend_count': 1,
    'server.address': 'upstream.test',
    'sluice.endpoint': 'ours',
  });
  expect(otel.spans()).toHaveLength(3);
  expect(otel.open.size).toBe(0);
});

test('only the endpoints that are named are told', async () => {
  const otel = openTelemetry();
  await using pipe = traced(otel, {}, { endpoints: ['ours'] });
  await (await pipe.post()).text();
  expect(pipe.transport.requests.map(({ headers }) => 'traceparent' in headers)).toEqual([false, true]);
  expect(otel.spans()).toHaveLength(3);
});

test('an attempt that is refused before it is made leaves no open span', async () => {
  const otel = openTelemetry();
  const walled = definePlugin({
    name: 'walled',
    create: () => ({
      handle(request, next, ctx) {
        ctx.state.set(ALLOWED_REGIONS, ['eu']);
        return next(request);
      },
    }),
  });
  await using pipe = testPipeline({
    plugins: [telemetry(), walled(), tracePropagation()],
    services: otel.services,
  });
  expect((await pipe.post()).status).toBe(503);
  expect(otel.open.size).toBe(0);
});

test('trace propagation does nothing without telemetry', async () => {
  const otel = openTelemetry();
  await using pipe = testPipeline({
    plugins: [tracePropagation()],
    services: otel.services,
    answers: [answer],
  });
  await (await pipe.post()).text();
  expect(pipe.transport.requests[0]?.headers).not.toHaveProperty('traceparent');
  expect(otel.spans()).toEqual([]);
});
