// The process that is soaked: the standard pipeline behind node:http. `host.ts <eu> <us> <audit directory>`, with
// --expose-gc. See messages.ts for what it hears and says.
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { mount } from '@sluice/adapters/node';
import { CACHE_STORE, memoryCacheStore } from '@sluice/cache';
import { definePlugin, type OutcomeKind, provide } from '@sluice/core';
import { issueKey, KEY_DIRECTORY, type VirtualKey } from '@sluice/identity';
import { standardPipeline } from '@sluice/standard';
import { BANNED } from './load.ts';
import type { FromHost, Sample, ToHost } from './messages.ts';

const [, , eu = '', us = '', directory = ''] = process.argv;
const say = (message: FromHost): void => void process.send?.(message);

const outcomes: Partial<Record<OutcomeKind, number>> = {};
const count = definePlugin({
  name: 'count',
  create: () => ({
    handle(request, next, ctx) {
      ctx.onComplete(({ kind }) => void (outcomes[kind] = (outcomes[kind] ?? 0) + 1));
      return next(request);
    },
  }),
});

// What the process has anyway is there before anything is measured: its channel to the parent, a first timer.
process.on('message', (message: ToHost) => void (message === 'sample' ? tell() : end()));
await sleep(1);
const before = await sample();

const tenants = Array.from({ length: 4 }, (_, n) => issueKey({ tenant: `tenant-${n}` }));
const known = new Map<string, VirtualKey>(tenants.map(({ key }) => [key.id, key]));
const pipeline = standardPipeline({
  endpoints: [
    { id: 'eu', region: 'eu', url: eu },
    { id: 'us', region: 'us', url: us },
  ],
  audit: { directory, rotateBytes: 16 << 20 },
  identity: true,
  labels: { explicit: false, implicit: { contentProducer: 'soak' } },
  moderation: { words: [{ text: BANNED }], detectors: ['email'] },
  cache: true,
  rateLimit: {
    rules: [
      { name: 'rpm', of: 'requests', limit: 1_000_000, windowMs: 60_000 },
      { name: 'day', of: 'tokens', limit: 1_000_000_000, calendar: 'day' },
      { name: 'parallel', of: 'concurrent-calls', limit: 1_000 },
    ],
  },
  retry: { baseDelayMs: 5, throttledDelayMs: 5, maxDelayMs: 50 },
  circuitBreaker: { openMs: 500, maxOpenMs: 1_000 },
  credentials: { poolScope: 'shared', keys: [{ id: 'main', load: () => 'sk-operators-own' }] },
  timeouts: { firstEventMs: 2_000, idleMs: 2_000, totalMs: 10_000, streamedTotalMs: 10_000 },
  services: [
    provide(KEY_DIRECTORY, () => ({ find: (id) => known.get(id) })),
    // Full after seconds, so that what grows from then on is a leak.
    provide(CACHE_STORE, () => memoryCacheStore({ maxBytes: 1 << 20 })),
  ],
  arrange: (plugins) => [count(), ...plugins],
});
await pipeline.start();
const handle = mount(pipeline);
const server = createServer((req, res) => void handle(req, res));
server.listen(0, '127.0.0.1');
await once(server, 'listening');

// From here on: what goes wrong before, ends the process.
const uncaught: string[] = [];
for (const event of ['unhandledRejection', 'uncaughtException'] as const) {
  process.on(event, (error: unknown) => uncaught.push(String(error)));
}
process.on('disconnect', () => process.exit());
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
say({ type: 'ready', url, before, keys: tenants.map(({ text }) => text) });

async function tell(): Promise<void> {
  say({ type: 'sample', sample: await sample() });
}

async function end(): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  await pipeline.close(5_000);
  server.closeAllConnections();
  await closed;
  // A second, as for every fault: by then sockets and timers have been let go.
  await sleep(1_000);
  say({ type: 'ended', after: await sample(), outcomes, uncaught });
}

async function sample(): Promise<Sample> {
  // Twice: what the first collection finalises, the second one frees.
  for (let n = 0; n < 2; n++) {
    gc?.();
    await new Promise(setImmediate);
  }
  const resources: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
  return { heapBytes: process.memoryUsage().heapUsed, resources, files: openFiles() };
}

function openFiles(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return undefined;
  }
}
