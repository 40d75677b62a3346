// Three regions: one is down and another answers, its circuit opens and later closes, and a tenant whose data must stay in
// the EU gets an error rather than an answer from elsewhere.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import Anthropic from '@anthropic-ai/sdk';
import { circuitBreaker } from '@sluice/circuit-breaker';
import { createPipeline, definePlugin, type Outcome } from '@sluice/core';
import { fakeUpstream } from '@sluice/core/testing';
import { regionRouting } from '@sluice/region-routing';
import { retry } from '@sluice/retry';
import { printTable } from './support/table.ts';

await using eu = await fakeUpstream();
await using us = await fakeUpstream();
await using jp = await fakeUpstream();

const outcomes: Outcome[] = [];
const recorder = definePlugin({
  name: 'recorder',
  create: () => ({
    handle(request, next, ctx) {
      ctx.onComplete((outcome) => void outcomes.push(outcome));
      return next(request);
    },
  }),
});

const circuits: string[] = [];

// #region pipeline
const pipeline = createPipeline({
  upstream: 'https://api.anthropic.com', // Routing puts the endpoint's URL in its place.
  plugins: [
    recorder(),
    retry(),
    regionRouting({
      endpoints: [
        { id: 'eu', region: 'eu', url: eu.url, credential: { header: 'x-api-key', value: 'key-of-eu' } },
        { id: 'us', region: 'us', url: us.url, credential: { header: 'x-api-key', value: 'key-of-us' } },
        { id: 'jp', region: 'jp', url: jp.url, credential: { header: 'x-api-key', value: 'key-of-jp' } },
      ],
      strategy: 'priority',
      allowedRegions: ({ headers }) => (headers['x-tenant'] === 'acme' ? ['eu'] : undefined),
    }),
    circuitBreaker({
      consecutiveFailures: 3,
      openMs: 500,
      onChange: ({ type, endpoint }) => circuits.push(`${endpoint}: ${type}`),
    }),
  ],
});
// #endregion

const client = new Anthropic({ apiKey: 'not-a-key', fetch: pipeline.fetch, maxRetries: 0 });
const rows: string[][] = [];

/** Makes a call, and checks where it went. */
async function step(title: string, wanted: { went: readonly string[]; says: string }, tenant?: string) {
  const said = await client.messages
    .stream(
      { model: 'any', max_tokens: 100, messages: [{ role: 'user', content: 'Hello!' }] },
      tenant === undefined ? {} : { headers: { 'x-tenant': tenant } },
    )
    .finalText()
    .catch((error: unknown) => (error instanceof Anthropic.APIError ? `${error.status}` : String(error)));
  const went = outcomes.splice(0).flatMap(({ history }) => history.map(({ endpoint }) => `${endpoint?.id}`));
  rows.push([title, went.join(' → ') || 'nowhere', said, circuits.splice(0).join(', ')]);
  assert.deepEqual({ went, says: said }, wanted, title);
}

const HELLO = 'You said: Hello!';
await step('All is well', { went: ['eu'], says: HELLO });

eu.script(() => ({ kind: 'status', status: 503 }));
await step('EU is down: failover', { went: ['eu', 'us'], says: HELLO });
await step('Once more', { went: ['eu', 'us'], says: HELLO });
await step('The third in a row', { went: ['eu', 'us'], says: HELLO });
await step('Its circuit is open', { went: ['us'], says: HELLO });
await step('The EU alone will do', { went: [], says: '503' }, 'acme');

eu.script(() => undefined);
await sleep(600);
await step('EU is up: first probe', { went: ['eu'], says: HELLO }, 'acme');
await step('Second probe', { went: ['eu'], says: HELLO }, 'acme');
await step('All is well again', { went: ['eu'], says: HELLO });

printTable(['step', 'went to', 'the SDK got', 'circuits'], rows);
assert.equal(jp.requests.length, 0);
await pipeline.close();
