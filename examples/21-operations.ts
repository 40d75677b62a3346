// What an operator needs of an app with a pipeline in it: routes that tell how it is, and an end that cuts nobody off.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Anthropic from '@anthropic-ai/sdk';
import { mount } from '@sluice/adapters/express';
import { type Circuits, CIRCUITS, memoryCircuits } from '@sluice/circuit-breaker';
import { CLOCK, provide, RANDOM } from '@sluice/core';
import { limitMonitor } from '@sluice/rate-limit';
import { standardPipeline } from '@sluice/standard';
import express from 'express';
import { claudeOrFake } from './support/upstream.ts';

await using upstream = await claudeOrFake();

// #region health
const limits = limitMonitor();
let circuits: Circuits | undefined;
const pipeline = standardPipeline({
  upstream: upstream.url, // https://api.anthropic.com
  rateLimit: {
    rules: [{ name: 'parallel', of: 'concurrent-calls', limit: 200, by: 'global' }],
    onEvent: limits.onEvent,
  },
  services: [
    provide(CIRCUITS, (needs) => (circuits ??= memoryCircuits(needs)), { clock: CLOCK, random: RANDOM }),
  ],
});
await pipeline.start(); // What cannot work fails here, and not at the first call.

const app = express();
let leaving = false;
// For whoever restarts the process: it runs, whatever the provider does.
app.get('/healthz', (_, res) => void res.send('ok'));
// For whoever sends it calls: take it out before it goes.
app.get('/readyz', (_, res) => void res.sendStatus(leaving ? 503 : 200));
// For people, and not for strangers: behind your login.
app.get('/status', (_, res) => void res.json({ circuits: circuits?.list(), limits: limits.report() }));
app.use('/claude', mount(pipeline));
// #endregion

const server = createServer(app).listen(Number(process.env['PORT'] ?? 0), '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

// #region shutdown
process.once('SIGTERM', () => {
  leaving = true; // In earnest, wait here until the load balancer has seen it.
  void (async () => {
    await pipeline.drain(25_000); // New calls get 503, those in progress go on; after this time they are aborted.
    server.close();
    await pipeline.close(); // Plugins write what they hold; then close what you have made, such as a Redis client.
  })();
});
// #endregion

const client = new Anthropic({
  baseURL: `${url}/claude`,
  apiKey: upstream.apiKey,
  authToken: null,
  maxRetries: 0,
});
const ask = (content: string) =>
  client.messages.stream({
    model: 'claude-haiku-4-5',
    max_tokens: 100,
    messages: [{ role: 'user', content }],
  });
const status = async (path: string): Promise<number> => (await fetch(url + path)).status;

const closed = once(server, 'close');
const underWay = ask('A long question, whose answer is still under way when the process is asked to end.');
await underWay.emitted('text');
console.log(`ready: ${await status('/readyz')}; status: ${await (await fetch(`${url}/status`)).text()}`);

if (!process.argv.includes('--exit')) {
  console.log(`Listening on ${url}; end it by: kill ${process.pid}`);
  await once(process, 'SIGTERM');
} else process.emit('SIGTERM');
await new Promise(setImmediate);
assert.deepEqual([await status('/healthz'), await status('/readyz')], [200, 503]);
await assert.rejects(ask('Too late?').finalText(), { status: 503 });
console.log(`The call in progress: ${await underWay.finalText()}`);
await closed;
