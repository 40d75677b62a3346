// The inspector's page over a pipeline at work: three regions, one of which fails from time to time, a cache, limits, and
// moderation. Open it in a browser; Ctrl+C ends it. With --exit it looks at its own page and ends.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { cache } from '@sluice/cache';
import { circuitBreaker } from '@sluice/circuit-breaker';
import { createPipeline, PRINCIPAL } from '@sluice/core';
import { fakeUpstream } from '@sluice/core/testing';
import { inspector, inspectorHandle, mount } from '@sluice/inspector';
import { moderation } from '@sluice/moderation';
import { rateLimit } from '@sluice/rate-limit';
import { regionRouting } from '@sluice/region-routing';
import { retry } from '@sluice/retry';
import { interrupted, listen } from './support/server.ts';

await using frankfurt = await fakeUpstream({ tokenDelayMs: 60 });
await using virginia = await fakeUpstream({ tokenDelayMs: 90 });
await using tokyo = await fakeUpstream({ tokenDelayMs: 40 });

// #region pipeline
const handle = inspectorHandle();
const pipeline = createPipeline({
  upstream: 'https://api.anthropic.com', // Routing puts the endpoint's URL in its place.
  plugins: [
    inspector({ handle }), // Outermost: it sees what the others refuse.
    moderation({ words: [{ text: 'forbidden' }] }),
    cache(),
    rateLimit({
      rules: [
        { name: 'per-minute', of: 'requests', limit: 200, windowMs: 60_000, burst: 40 },
        { name: 'tokens', of: 'output-tokens', limit: 4_000, windowMs: 60_000 },
      ],
    }),
    retry(),
    regionRouting({
      endpoints: [
        { id: 'frankfurt', region: 'eu', url: frankfurt.url, credential: 'caller' },
        { id: 'virginia', region: 'us', url: virginia.url, credential: 'caller' },
        { id: 'tokyo', region: 'jp', url: tokyo.url, credential: 'caller' },
      ],
      strategy: 'weighted',
    }),
    circuitBreaker({ openMs: 8_000 }),
  ],
});
// #endregion

// #region mount
const show = mount(pipeline, handle, { basePath: '/sluice' });

await using server = await listen(async (req, res) => {
  // False: the request does not lie below /sluice, and nothing has been written.
  if (await show(req, res)) return;
  res.end('Everything else is yours.\n');
});
// #endregion

const TENANTS = ['acme', 'globex', 'initech', 'umbrella'];
const MODELS = ['claude-opus-5-5', 'claude-haiku-4-5'];
let n = 0;

/** One call of some tenant: most are new, some were asked before, a few say what they must not. */
async function call(): Promise<void> {
  n++;
  const content =
    n % 19 === 0
      ? 'forbidden'
      : n % 4 === 0
        ? `Question ${n % 12}`
        : `Question ${n}: ${'word '.repeat(n % 30)}`;
  const fields = { model: MODELS[n % 3 === 0 ? 0 : 1], max_tokens: 200, stream: n % 3 !== 1 };
  const body = Buffer.from(JSON.stringify({ ...fields, messages: [{ role: 'user', content }] }));
  const inbound = { method: 'POST', target: '/v1/messages', headers: { 'x-api-key': 'not-a-key' }, body };
  const response = await pipeline.handle(inbound, (state) => {
    state.set(PRINCIPAL, { id: `caller-${n % 7}`, tenant: TENANTS[((n * 7) % 10) >> 1] ?? 'acme' });
  });
  // Not every call is read to its end; a stream that breaks off fails its reader.
  await response.text().catch(() => undefined);
}

if (process.argv.includes('--exit')) {
  await Promise.all(Array.from({ length: 40 }, () => call()));
  const page = await fetch(`${server.url}/sluice`);
  assert.equal(page.status, 200);
  const leaving = new AbortController();
  const feed = await fetch(`${server.url}/sluice/feed`, { signal: leaving.signal });
  for await (const chunk of feed.body ?? []) {
    const said = new TextDecoder().decode(chunk);
    assert.match(said, /"refused:moderation":2/);
    assert.doesNotMatch(said, /Question|forbidden|not-a-key/);
    console.log(`The page has ${(await page.text()).length} characters; the feed began with ${said.length}.`);
    break;
  }
  leaving.abort();
} else {
  console.log(`Open ${server.url}/sluice; Ctrl+C ends it.`);
  const ended = interrupted().then(() => true);
  for (let rounds = 0; !(await Promise.race([ended, sleep(60, false)])); rounds++) {
    // Virginia has its bad minutes.
    virginia.script(() =>
      rounds % 900 > 500 && rounds % 900 < 700 ? { kind: 'status', status: 529 } : undefined,
    );
    if (Math.sin(rounds / 40) + Math.sin(rounds / 7) > -0.8) void call();
  }
}
await pipeline.close();
