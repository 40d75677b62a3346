import { createPipeline, definePlugin } from '@sluice/core';
import { expect, test } from 'vitest';
import { pluginEvents, telemetry, tracePropagation } from './index.ts';

const assembled = (...plugins: Parameters<typeof createPipeline>[0]['plugins'] & object): unknown =>
  createPipeline({ upstream: 'https://upstream.test', plugins });

test.each<[unknown, string]>([
  [{ trustInbound: 'yes' }, 'option "trustInbound": must be true or false'],
  [{ tenant: 'metrics' }, 'option "tenant": must be "off", "spans" or "all"'],
  [{ models: ['a b'] }, 'option "models.0": must be a name'],
  [{ provider: '' }, 'option "provider": must be a name'],
  [{ cost: 3 }, 'option "cost": must be a function'],
  [{ events: {} }, 'option "events": must be made with pluginEvents()'],
  [{ content: true }, 'there is no option "content"'],
])('%j is refused with a sentence', (options, sentence) => {
  expect(() => assembled(telemetry(options as never))).toThrow(sentence);
});

test('propagation to no endpoint is refused: without the plugin there is none', () => {
  expect(() => assembled(tracePropagation({ endpoints: [] }))).toThrow('leave the plugin out');
});

test('telemetry stands outermost, and trace propagation innermost', () => {
  const retry = definePlugin({ name: 'retry', create: () => ({ handle: (request, next) => next(request) }) });
  expect(() => assembled(retry(), telemetry())).toThrow('plugin "telemetry" must stand outside "retry"');
  expect(() => assembled(tracePropagation(), retry())).toThrow(
    'plugin "trace-propagation" must stand inside "retry"',
  );
  expect(assembled(telemetry(), retry(), tracePropagation())).toBeDefined();
});

test('its options are shown, and no function or secret of them', () => {
  const events = pluginEvents();
  const pipeline = createPipeline({
    upstream: 'https://upstream.test',
    plugins: [telemetry({ events, cost: () => 1 })],
  });
  expect(pipeline.describe().plugins[0]).toEqual({
    name: 'telemetry',
    onError: 'open',
    needs: ['clock', 'tracer-provider', 'meter-provider', 'propagator', 'upstream'],
    options: {
      trustInbound: false,
      tenant: 'off',
      serverTiming: false,
      cost: '[function]',
      events: '[PluginEvents]',
    },
  });
});
