import { audit } from '@sluice/audit';
import { cache, cacheHandle } from '@sluice/cache';
import { circuitBreaker } from '@sluice/circuit-breaker';
import { createPipeline, PRINCIPAL, provide, type InspectedRow, type Pipeline } from '@sluice/core';
import { fakeUpstream } from '@sluice/core/testing';
import { credentials, Secret } from '@sluice/credentials';
import { identity, KEY_DIRECTORY } from '@sluice/identity';
import { labels } from '@sluice/labels';
import { moderation } from '@sluice/moderation';
import { rateLimit } from '@sluice/rate-limit';
import { regionRouting } from '@sluice/region-routing';
import { retry } from '@sluice/retry';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const post = (pipeline: Pipeline, text: string): Promise<Response> =>
  pipeline.fetch('https://a.test/v1/messages', {
    method: 'POST',
    headers: { 'x-api-key': 'canary-of-the-caller' },
    body: JSON.stringify({ model: 'any', max_tokens: 50, messages: [{ role: 'user', content: text }] }),
  });
const rowsOf = (pipeline: Pipeline, name: string): readonly InspectedRow[] =>
  pipeline.inspect().find(({ plugin }) => plugin === name)?.rows ?? [];

test('inspect() tells of endpoints, circuits, keys and the cache as they are now', async () => {
  await using well = await fakeUpstream();
  await using ill = await fakeUpstream();
  ill.script(() => ({ kind: 'status', status: 503 }));
  await using pipeline = createPipeline({
    upstream: 'https://api.anthropic.com',
    plugins: [
      cache(),
      retry(),
      regionRouting({
        strategy: 'priority',
        endpoints: [
          { id: 'ill', region: 'eu', url: ill.url, credential: 'caller' },
          { id: 'well', region: 'us', url: well.url, priority: 1, credential: 'caller' },
        ],
      }),
      circuitBreaker({ consecutiveFailures: 2 }),
      credentials({
        poolScope: 'shared',
        keys: [{ id: 'main', load: () => new Secret('sk-ant-canary-00') }],
      }),
    ],
  });
  for (const text of ['one', 'two', 'three', 'three', 'four']) await (await post(pipeline, text)).text();
  expect(rowsOf(pipeline, 'cache')).toMatchObject([{ hits: 1, misses: 4, stored: 4 }]);
  expect(rowsOf(pipeline, 'region-routing')).toMatchObject([
    { endpoint: 'ill', region: 'eu', inFlight: 0 },
    { endpoint: 'well', region: 'us', state: 'available', inFlight: 0 },
  ]);
  expect(rowsOf(pipeline, 'region-routing')[0]?.['state']).not.toBe('available');
  const circuits = rowsOf(pipeline, 'circuit-breaker');
  expect(circuits).toContainEqual(expect.objectContaining({ endpoint: 'well', state: 'closed', failed: 0 }));
  expect(circuits.find(({ endpoint }) => endpoint === 'ill')?.['failed']).toBeGreaterThan(0);
  expect(rowsOf(pipeline, 'credentials')).toMatchObject([{ id: 'main', state: 'active', inFlight: 0 }]);
  expect(JSON.stringify(pipeline.inspect())).not.toContain('canary');
});

test('neither describe() nor inspect() shows a secret of any plugin', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-inspection-'));
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  const contentKey = randomBytes(32);
  await using upstream = await fakeUpstream();
  try {
    await using pipeline = createPipeline({
      upstream: upstream.url,
      plugins: [
        audit({
          directory,
          checkpoints: { signingKey: pem },
          content: { request: 'full', response: 'full' },
          contentKey: { id: 'k1', key: contentKey },
        }),
        identity({ acceptHost: true, hmacKey: 'canary-of-identity-'.repeat(3) }),
        labels(),
        moderation({ words: [{ text: 'bad-word' }] }),
        cache({ secret: 'canary-of-the-cache', handle: cacheHandle() }),
        rateLimit({ rules: [{ name: 'rpm', of: 'requests', limit: 9, windowMs: 60_000 }] }),
        retry(),
        regionRouting({
          endpoints: [
            {
              id: 'eu',
              region: 'eu',
              url: upstream.url,
              credential: { header: 'x-api-key', value: 'canary-of-routing' },
            },
            { id: 'us', region: 'us', url: upstream.url, credential: { bearer: 'canary-bearer' } },
          ],
        }),
        circuitBreaker(),
        credentials({
          keys: [{ id: 'main', load: () => new Secret('canary-of-credentials') }],
          poolScope: 'shared',
        }),
      ],
      services: [provide(KEY_DIRECTORY, () => ({ find: () => undefined }))],
    });
    const body = Buffer.from(
      '{"model":"any","max_tokens":9,"messages":[{"role":"user","content":"canary"}]}',
    );
    const inbound = { method: 'POST', target: '/v1/messages', headers: { 'x-api-key': 'canary-key' }, body };
    const response = await pipeline.handle(inbound, (state) => {
      state.set(PRINCIPAL, { id: 'someone', tenant: 'acme' });
    });
    expect(response.status).toBe(200);
    await response.text();
    const shown = JSON.stringify([pipeline.describe(), pipeline.inspect()]);
    expect(shown).not.toMatch(/canary/);
    expect(shown).not.toContain('PRIVATE KEY');
    expect(shown).not.toContain(contentKey.toString('base64'));
    expect(shown).not.toContain(contentKey.toString('hex'));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
