import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { CACHE_STATUS, definePlugin, provide } from '@sluice/core';
import { anthropicStream, streamAnswer, testPipeline } from '@sluice/core/testing';
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { beforeAll, describe, expect, test } from 'vitest';
import { METER_PROVIDER, METRICS, pluginEvents, telemetry } from './index.ts';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly targets?: readonly {
    readonly refId: string;
    readonly expr: string;
    readonly legendFormat: string;
  }[];
}
const dashboard = JSON.parse(readFileSync(new URL('../grafana/sluice.json', import.meta.url), 'utf8')) as {
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
};
const targets = dashboard.panels.flatMap(({ title, targets: all = [] }) =>
  all.map(({ expr, legendFormat }) => ({ title, expr, legendFormat })),
);

/** Brings every metric about: a failed attempt, a stream with all kinds of tokens, a cache, events, a cost. */
async function scraped(): Promise<string> {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const meters = new MeterProvider({ readers: [exporter] });
  const server = createServer((request, response) => {
    exporter.getMetricsRequestHandler(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const events = pluginEvents();
  const inside = definePlugin({
    name: 'inside',
    create: () => ({
      async handle(request, next, ctx) {
        ctx.state.set(CACHE_STATUS, 'miss');
        const endpoint = { id: 'eu-1', region: 'eu' };
        await (await next({ ...request, endpoint })).text();
        return next({ ...request, endpoint });
      },
    }),
  });
  const usage = {
    input_tokens: 10,
    output_tokens: 5,
    cache_read_input_tokens: 3,
    cache_creation_input_tokens: 2,
    output_tokens_details: { thinking_tokens: 1 },
  };
  await using pipe = testPipeline({
    plugins: [telemetry({ events, cost: () => 0.25, tenant: 'all' }), inside()],
    services: [provide(METER_PROVIDER, () => meters)],
    answers: [
      new Response('{}', { status: 529 }),
      streamAnswer(anthropicStream({ text: 'Hi', usage })),
      new Response('{}', { status: 400 }),
      new Response('{}', { status: 400 }),
    ],
  });
  await (await pipe.post({ stream: true, model: 'claude-haiku-4-5' })).text();
  await (await pipe.post({ model: 'claude-haiku-4-5' })).text();
  events.emit({ type: 'circuit-open', endpoint: 'eu-1', family: 'claude-haiku-4-5' });
  events.emit({ type: 'limit-refuse', rule: 'per-tenant' });

  const { port } = server.address() as AddressInfo;
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  server.close();
  server.closeAllConnections();
  await meters.shutdown();
  return text;
}

let text = '';
/** Names of series, as Prometheus stores them, and the labels of each. */
const series = new Map<string, Set<string>>();

beforeAll(async () => {
  text = await scraped();
  for (const line of text.split('\n')) {
    const [, name, labels = ''] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? /.exec(line) ?? [];
    if (name === undefined) continue;
    const known = series.get(name) ?? new Set();
    for (const [, label] of labels.matchAll(/(\w+)="/g)) known.add(label as string);
    series.set(name, known);
  }
});

test('a scrape over HTTP has every metric of the table', () => {
  for (const { name } of Object.values(METRICS))
    expect(text).toMatch(new RegExp(`^# TYPE ${name.replaceAll('.', '_')}(_total)? `, 'm'));
});

test('it says what happened', () => {
  expect(text).toMatch(
    /^gen_ai_client_operation_duration_count\{gen_ai_operation_name="chat",gen_ai_provider_name="anthropic",gen_ai_request_model="claude-haiku-4-5",sluice_outcome="completed",sluice_cache_status="miss".*\} 1$/m,
  );
  expect(text).toMatch(
    /^sluice_attempt_duration_count\{sluice_endpoint="eu-1",sluice_region="eu",http_response_status_code="529",error_type="529".*\} 1$/m,
  );
  expect(text).toMatch(/^gen_ai_client_token_usage_sum\{.*gen_ai_token_type="input".*\} 15$/m);
  expect(text).toMatch(/^sluice_usage_cache_read_input_tokens_total\{.*\} 3$/m);
  expect(text).toMatch(/^sluice_cost_total\{.*\} 0\.25$/m);
  expect(text).toMatch(/^sluice_retries_total\{.*\} 2$/m);
  expect(text).toMatch(/^sluice_circuit_state\{sluice_endpoint="eu-1".*\} 2$/m);
  expect(text).toMatch(/^sluice_events_total\{sluice_event="limit-refuse",sluice_rule="per-tenant".*\} 1$/m);
  expect(text).toMatch(/^sluice_calls_active(\{.*\})? 0$/m);
});

describe('the dashboard', () => {
  test('is one that Grafana can import: ids of their own, places that do not overlap', () => {
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(36);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    const taken = new Set<string>();
    for (const { gridPos } of dashboard.panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken).not.toContain(`${x} ${y}`);
          taken.add(`${x} ${y}`);
        }
    }
    for (const { type, targets: all = [] } of dashboard.panels) {
      expect(all.length > 0).toBe(type !== 'row');
      expect(new Set(all.map(({ refId }) => refId)).size).toBe(all.length);
    }
  });

  test.each(targets)('$title: $legendFormat asks for what is there', ({ expr, legendFormat }) => {
    const metrics = [...expr.matchAll(/\b([a-z_][\w]*)(?=\{|\[|\))/g)].map(([, name]) => name as string);
    const asked = metrics.filter((name) => /^(gen_ai|sluice)_/.test(name) && !isLabel(name, expr));
    expect(asked.length).toBeGreaterThan(0);
    for (const name of asked) {
      expect([...series.keys()]).toContain(name);
      const labels = [
        ...[...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list]) => (list as string).split(/, */)),
        ...[...expr.matchAll(/[{,]\s*(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label as string),
        ...[...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label as string),
      ];
      for (const label of labels) expect([...(series.get(name) ?? [])]).toContain(label);
    }
  });

  test('shows every metric of the table', () => {
    const all = targets.map(({ expr }) => expr).join('\n');
    for (const { name } of Object.values(METRICS)) expect(all).toContain(name.replaceAll('.', '_'));
  });

  test('lets one choose a model by a label that is there', () => {
    const definition = dashboard.templating.list.find(({ name }) => name === 'model')?.definition;
    const [, name = '', label = ''] = /^label_values\((\w+), (\w+)\)$/.exec(definition ?? '') ?? [];
    expect([...(series.get(name) ?? [])]).toContain(label);
  });
});

/** Whether a word is a label in a `by (…)`, and no metric. */
function isLabel(name: string, expr: string): boolean {
  return [...expr.matchAll(/by \(([^)]*)\)/g)].some(([, list]) =>
    (list as string).split(/, */).includes(name),
  );
}
