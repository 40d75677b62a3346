import { CLOCK, type Context, createPipeline, definePlugin, type Outcome, provide } from '@sluice/core';
import { type BehaviourInput, fakeUpstream } from '@sluice/core/testing';
import { credentials, envKey, fileKey, KEY_STATES, KeyStates } from '@sluice/credentials';
import { identity, issueKey, KEY_DIRECTORY, redisKeyDirectory, redisKeyRegistry } from '@sluice/identity';
import { retry } from '@sluice/retry';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { expect, test, vi } from 'vitest';
import { describeWithOwnRedis, startRedis } from '../support/redis.ts';

/** Every way to look at a thing that a log, a debugger or an error tracker knows. */
function looks(value: unknown): string[] {
  const error = value instanceof Error ? [value.message, String(value.stack), String(value)] : [];
  return [
    inspect(value, {
      depth: null,
      showHidden: true,
      showProxy: true,
      maxStringLength: null,
      maxArrayLength: null,
    }),
    inspect(value, { depth: null, customInspect: false, maxStringLength: null }),
    ...error,
  ];
}

const FAULTS: readonly BehaviourInput[] = [
  'answer',
  'status; status=400',
  'status; status=401; message="Incorrect API key provided"',
  'status; status=402',
  'status; status=403',
  'status; status=404',
  'status; status=429; retryAfter=0',
  'status; status=429; code=enforced_spend_limit_reached',
  'status; status=500',
  'status; status=529',
  'html; status=502',
  'redirect',
  'reset-before-headers',
  'reset-mid-stream',
  'cut-mid-stream',
  'error-event',
  'malformed-sse',
  'raw; bytes="not http"',
];

describeWithOwnRedis('a secret', () => {
  test('shows in no sink, whatever happens to a call', async () => {
    const password = 'canary-redis-password';
    const hmacKey = 'canary-hmac-key-'.repeat(3);
    const keys = ['canary-env', 'canary-file', 'canary-vault', 'canary-vault-2'].map(
      (name) => `sk-ant-${name}-0123456789`,
    );
    const [ofEnv, ofFile, ofVault, ofVaultLater] = keys as [string, string, string, string];
    const sinks: string[] = [];
    const see = (value: unknown): void => void sinks.push(...looks(value));
    const stdout = vi
      .spyOn(process.stdout, 'write')
      .mockImplementation((text) => (sinks.push(String(text)), true));
    const stderr = vi
      .spyOn(process.stderr, 'write')
      .mockImplementation((text) => (sinks.push(String(text)), true));
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(see);
    const folder = await mkdtemp(join(tmpdir(), 'sluice-canary-'));
    vi.stubEnv('SLUICE_CANARY', ofEnv);
    await writeFile(join(folder, 'key'), ofFile);
    let vaultAsked = 0;

    await using upstream = await fakeUpstream();
    await using server = await startRedis({ args: ['--requirepass', password] });
    const redis = new Redis(server.url, { password, retryStrategy: () => 20 });
    redis.on('error', see);
    const registry = redisKeyRegistry(redis);
    const issued = issueKey({ principal: 'app', tenant: 'acme', models: ['any'] }, { hmacKey });
    const revoked = issueKey({}, { hmacKey });
    const expired = issueKey({ expiresAt: '2020-01-01' }, { hmacKey });
    await registry.put(issued.key);
    await registry.put({ ...revoked.key, revokedAt: '2020-01-01' });
    await registry.put(expired.key);

    const states = new KeyStates();
    const outcomes: Outcome[] = [];
    const contexts: Context[] = [];
    const watch = definePlugin({
      name: 'watch',
      create: () => ({
        handle: async (request, next, ctx) => {
          contexts.push(ctx);
          ctx.onComplete((outcome) => void outcomes.push(outcome));
          ctx.onAttempt(see);
          try {
            return await next(request);
          } catch (error) {
            see(error);
            throw error;
          }
        },
      }),
    });
    const pipeline = createPipeline({
      upstream: upstream.url,
      plugins: [
        watch(),
        identity({ hmacKey }),
        retry({ baseDelayMs: 1, throttledDelayMs: 1 }),
        credentials({
          poolScope: 'shared',
          quarantineMs: 5,
          keys: [
            envKey('SLUICE_CANARY'),
            fileKey(join(folder, 'key'), { id: 'file' }),
            { id: 'vault', load: () => (vaultAsked++ % 2 === 0 ? ofVault : ofVaultLater) },
            { id: 'broken-later', load: () => (vaultAsked > 2 ? (JSON.parse(ofVault) as string) : ofVault) },
          ],
          onEvent: see,
        }),
      ],
      services: [
        provide(KEY_DIRECTORY, (needs) => redisKeyDirectory(redis, needs), { clock: CLOCK }),
        provide(KEY_STATES, () => states),
      ],
    });
    await pipeline.start();

    const texts = [
      issued.text,
      revoked.text,
      expired.text,
      issueKey({}, { hmacKey }).text,
      `${issued.text}x`,
    ];
    for (const behaviour of FAULTS) {
      for (const text of behaviour === 'answer' ? texts : texts.slice(0, 1)) {
        for (const stream of [false, true]) {
          upstream.script(() => behaviour);
          const init = {
            method: 'POST',
            headers: { 'content-type': 'application/json', authorization: `Bearer ${text}` },
            body: JSON.stringify({
              model: 'any',
              max_tokens: 9,
              stream,
              messages: [{ role: 'user', content: 'Hi' }],
            }),
          };
          const response = await pipeline.fetch('https://caller.test/v1/messages?beta=true', init);
          see(response);
          see([...response.headers]);
          sinks.push(await response.text().catch((error: unknown) => (see(error), '')));
          for (const status of states.list()) see(status);
        }
      }
    }
    const kept = [await redis.keys('*'), await redis.hgetall('sluice:virtual-keys')];
    // A store that is gone.
    await server.kill();
    await pipeline.fetch('https://caller.test/v1/messages', {
      method: 'POST',
      headers: { 'x-api-key': texts[3] as string },
      body: '{}',
    });
    for (const one of [outcomes, contexts, states, pipeline, pipeline.describe(), kept, redis.status])
      see(one);
    for (const { history, cause } of outcomes) see([history, cause]);
    await pipeline.close();
    redis.disconnect();
    await rm(folder, { recursive: true });
    vi.unstubAllEnvs();
    stdout.mockRestore();
    stderr.mockRestore();
    warned.mockRestore();

    // The test is worth nothing if the secrets were not used.
    const used = upstream.requests.map(({ headers }) => headers['authorization']);
    for (const key of [ofEnv, ofFile]) expect(used).toContain(`Bearer ${key}`);
    for (const text of texts)
      expect(JSON.stringify(upstream.requests.map(({ rawHeaders }) => rawHeaders))).not.toContain(text);
    expect(sinks.length).toBeGreaterThan(200);
    const canaries = [password, hmacKey, ...keys, ...texts, ...texts.map((text) => text.slice(19, 62))];
    for (const canary of canaries) expect(sinks.filter((sink) => sink.includes(canary))).toEqual([]);
  });

  test('of a caller is not in Redis, where its key is', async () => {
    await using server = await startRedis();
    const redis = new Redis(server.url);
    const issued = Array.from({ length: 20 }, () => issueKey());
    for (const { key } of issued) await redisKeyRegistry(redis).put(key);
    const everything = JSON.stringify([await redis.keys('*'), await redis.hgetall('sluice:virtual-keys')]);
    for (const { text, key } of issued) {
      expect(everything).toContain(key.id);
      expect(everything).not.toContain(text.slice(19, 62));
    }
    redis.disconnect();
  });
});
