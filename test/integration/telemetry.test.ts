import { createPipeline, type Pipeline, type PipelineOptions } from '@sluice/core';
import { type FakeUpstream, fakeUpstream } from '@sluice/core/testing';
import { mount } from '@sluice/adapters/node';
import { audit } from '@sluice/audit';
import { cache } from '@sluice/cache';
import { circuitBreaker } from '@sluice/circuit-breaker';
import { rateLimit } from '@sluice/rate-limit';
import { regionRouting } from '@sluice/region-routing';
import { retry } from '@sluice/retry';
import { pluginEvents, telemetry, tracePropagation } from '@sluice/telemetry';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { openTelemetry, type OpenTelemetry } from '../support/opentelemetry.ts';

const DURATION = 'gen_ai.client.operation.duration';

interface Stage extends AsyncDisposable {
  readonly otel: OpenTelemetry;
  readonly upstream: FakeUpstream;
  readonly pipeline: Pipeline;
  ask(fields?: Readonly<Record<string, unknown>>, signal?: AbortSignal): Promise<Response>;
}

/** Real sockets, real time, and the real SDK. */
async function stage(plugins: (url: string) => PipelineOptions['plugins']): Promise<Stage> {
  const otel = openTelemetry();
  const upstream = await fakeUpstream();
  const pipeline = createPipeline({
    upstream: upstream.url,
    plugins: plugins(upstream.url) ?? [],
    services: otel.services,
  });
  return {
    otel,
    upstream,
    pipeline,
    ask: (fields = {}, signal) =>
      pipeline.fetch('https://caller.test/v1/messages', {
        method: 'POST',
        body: JSON.stringify({
          model: 'claude-haiku-4-5',
          max_tokens: 64,
          messages: [{ role: 'user', content: 'Hi' }],
          ...fields,
        }),
        ...(signal === undefined ? {} : { signal }),
      }),
    async [Symbol.asyncDispose]() {
      await pipeline.close(0);
      await upstream.close();
    },
  };
}
const calls = (otel: OpenTelemetry): ReadableSpan[] =>
  otel.spans().filter(({ attributes }) => 'sluice.outcome' in attributes);
const attempts = (otel: OpenTelemetry): ReadableSpan[] =>
  otel.spans().filter(({ attributes }) => 'http.request.method' in attributes);

test('a retry that fails over is one call with an attempt at each endpoint, in its region', async () => {
  await using at = await stage((url) => [
    telemetry(),
    retry(),
    regionRouting({
      endpoints: [
        { id: 'eu-1', region: 'eu', url },
        { id: 'us-1', region: 'us', url },
      ],
    }),
    tracePropagation(),
  ]);
  at.upstream.reply('status; status=529');
  const response = await at.ask({ stream: true });
  await response.text();
  const [call] = calls(at.otel);
  expect(call?.attributes).toMatchObject({ 'sluice.outcome': 'completed', 'sluice.attempts': 2 });
  const made = attempts(at.otel);
  expect(new Set(made.map(({ attributes }) => attributes['sluice.region']))).toEqual(new Set(['eu', 'us']));
  // What was sent names the span of the attempt that sent it.
  const sent = at.upstream.requests.map(({ headers }) => headers['traceparent']);
  expect(sent).toEqual(
    made.map((span) => `00-${span.spanContext().traceId}-${span.spanContext().spanId}-01`),
  );
  expect(await at.otel.total('sluice.retries')).toBe(1);
  expect(at.otel.open.size).toBe(0);
});

test('a cache hit has no attempt, uses no tokens, and says that it is one', async () => {
  await using at = await stage(() => [telemetry(), cache(), retry()]);
  const ask = async (): Promise<void> => {
    await (await at.ask({ temperature: 0 })).text();
  };
  await ask();
  await vi.waitFor(async () => {
    await ask();
    expect(await at.otel.total(DURATION, { 'sluice.cache.status': 'hit' })).toBeGreaterThan(0);
  });
  const hit = calls(at.otel).find(({ attributes }) => attributes['sluice.cache.status'] === 'hit');
  expect(hit?.attributes).toMatchObject({ 'sluice.attempts': 0, 'sluice.outcome': 'completed' });
  expect(hit?.attributes).not.toHaveProperty('gen_ai.usage.input_tokens');
  expect(await at.otel.total('gen_ai.client.token.usage', { 'gen_ai.token.type': 'input' })).toBe(
    at.upstream.requests.length,
  );
});

test('an open circuit and a limit tell of themselves, and what they refuse is counted by its code', async () => {
  const events = pluginEvents();
  await using at = await stage(() => [
    telemetry({ events }),
    rateLimit({
      rules: [{ name: 'few', of: 'requests', limit: 3, windowMs: 3_600_000, by: 'global' }],
      onEvent: events.emit,
    }),
    circuitBreaker({ consecutiveFailures: 2, onChange: events.emit }),
  ]);
  at.upstream.reply('status; status=503; times=2');
  for (let i = 0; i < 3; i++) await (await at.ask({ model: 'claude-opus-4-5' })).text();
  // What the circuit refused is not charged.
  for (let i = 0; i < 2; i++) await (await at.ask()).text();
  const counted = async (name: string, attributes: Record<string, unknown>): Promise<number> =>
    at.otel.total(name, attributes);
  expect(await counted('sluice.events', { 'sluice.event': 'circuit-open' })).toBe(1);
  expect(await counted('sluice.events', { 'sluice.event': 'limit-refuse', 'sluice.rule': 'few' })).toBe(1);
  expect(await counted(DURATION, { 'error.type': 'circuit_open', 'sluice.outcome': 'refused' })).toBe(1);
  expect(await counted(DURATION, { 'error.type': 'rate_limited', 'sluice.outcome': 'refused' })).toBe(1);
  expect(await counted(DURATION, { 'error.type': '503', 'sluice.outcome': 'upstream-error' })).toBe(2);
  const [state] = await at.otel.points('sluice.circuit.state');
  expect(state?.value).toBe(2);
});

test('a caller that leaves a stream over HTTP ends its spans at once', async () => {
  await using at = await stage(() => [telemetry(), retry()]);
  const server = createServer(mount(at.pipeline)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  at.upstream.reply({ kind: 'stall', at: 'mid-stream' });
  const caller = new AbortController();
  const response = await fetch(`http://127.0.0.1:${port}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'claude-haiku-4-5',
      max_tokens: 64,
      stream: true,
      messages: [{ role: 'user', content: 'Hi' }],
    }),
    signal: caller.signal,
  });
  await response.body?.getReader().read();
  expect(calls(at.otel)).toEqual([]);
  caller.abort();
  await vi.waitFor(() => expect(calls(at.otel)).toHaveLength(1));
  expect(calls(at.otel)[0]?.attributes).toMatchObject({ 'sluice.outcome': 'client-abort' });
  expect(at.otel.open.size).toBe(0);
  server.close();
  server.closeAllConnections();
});

test('through the whole pipeline, hundreds of calls at once leave no span open and mix up no parent', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-telemetry-'));
  const events = pluginEvents();
  {
    await using at = await stage((url) => [
      telemetry({ events, tenant: 'all', serverTiming: true }),
      audit({ directory, durability: 'interval', onAlert: events.emit }),
      cache(),
      rateLimit({
        rules: [{ name: 'many', of: 'concurrent-calls', limit: 1_000, by: 'global' }],
        onEvent: events.emit,
      }),
      retry({ baseDelayMs: 1, throttledDelayMs: 1, budgetRatio: 1, budgetReserve: 1_000 }),
      regionRouting({ endpoints: [{ id: 'one', region: 'eu', url }] }),
      circuitBreaker({ failureRate: false, consecutiveFailures: false, onChange: events.emit }),
      tracePropagation(),
    ]);
    // Once for a call, or one of them would come to have no tries left.
    const failed = new Set<string>();
    at.upstream.script((request) => {
      const body = request.text();
      if (!/Question \d*[05]"/.test(body) || failed.has(body)) return { kind: 'answer' };
      failed.add(body);
      return { kind: 'status', status: 529, retryAfterMs: '1' };
    });
    const one = async (i: number): Promise<void> => {
      const caller = new AbortController();
      const messages = [{ role: 'user', content: `Question ${i}` }];
      const pending = at.ask({ stream: i % 2 === 0, messages }, caller.signal);
      if (i % 7 === 0) caller.abort();
      const text = await pending.then((response) => response.text()).catch(() => '');
      if (i % 7 !== 0) expect(text).toContain(String(i));
    };
    await Promise.all(Array.from({ length: 400 }, (_, i) => one(i)));
    await at.pipeline.drain();

    expect(at.otel.open.size).toBe(0);
    expect(await at.otel.total('sluice.calls.active')).toBe(0);
    const ended = calls(at.otel);
    // Who has left before the call began is not a call.
    expect(ended.length).toBeGreaterThanOrEqual(342);
    expect(await at.otel.total(DURATION)).toBe(ended.length);
    const made = attempts(at.otel);
    const byId = new Map(ended.map((span) => [span.spanContext().spanId, span]));
    for (const span of made) {
      const call = byId.get(span.parentSpanContext?.spanId ?? '');
      expect(call?.spanContext().traceId).toBe(span.spanContext().traceId);
    }
    const counted = ended.reduce((sum, { attributes }) => sum + Number(attributes['sluice.attempts']), 0);
    expect(made.length).toBe(counted);
    expect(await at.otel.total('sluice.attempt.duration')).toBe(counted);
  }
  await rm(directory, { recursive: true, force: true });
});
