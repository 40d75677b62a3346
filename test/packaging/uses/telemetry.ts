// What the packaging check runs in a folder that has nothing but the tarballs of core and of this plugin.
import { subscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { createPipeline } from '@sluice/core';
import { type CallEnd, METRICS, telemetry, type TelemetryOptions, tracePropagation } from '@sluice/telemetry';

const outcomes: string[] = [];
subscribe('sluice:call:end', (message) => {
  outcomes.push((message as CallEnd).outcome);
});
const options: TelemetryOptions = { tenant: 'spans', serverTiming: true };
await using pipeline = createPipeline({
  upstream: 'http://127.0.0.1:9',
  plugins: [telemetry(options), tracePropagation()],
});
const { status } = await pipeline.fetch('http://caller.test/v1/models');
if (status !== 502 || outcomes.join() !== 'upstream-error') throw new Error(`${status} ${outcomes.join()}`);

const dashboard = readFileSync('node_modules/@sluice/telemetry/grafana/sluice.json', 'utf8');
if (!dashboard.includes(METRICS.callDuration.name.replaceAll('.', '_'))) throw new Error('no dashboard');
