import { createPipeline, provide } from '@sluice/core';
import { afterEach, expect, test, vi } from 'vitest';
import { credentials, type CredentialSource, envKey, fileKey, KEY_STATES, KeyStates } from './index.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

test('the README tells how to use it', async () => {
  vi.stubEnv('ANTHROPIC_API_KEY', 'sk-ant-0');
  // #region use
  const states = new KeyStates();
  const pipeline = createPipeline({
    upstream: 'https://api.anthropic.com',
    plugins: [credentials({ keys: [envKey('ANTHROPIC_API_KEY')] })],
    services: [provide(KEY_STATES, () => states)],
  });
  await pipeline.start();
  console.log(states.list()); // id, state, until, why: everything but the key
  // #endregion
  expect(states.list()).toMatchObject([{ id: 'ANTHROPIC_API_KEY', state: 'active' }]);
  await pipeline.close();
});

test('the README tells of pools', () => {
  const vault = { read: async (_path: string) => ({ key: 'k', leaseSeconds: 60 }) };
  // #region pools
  const fromVault = (id: string): CredentialSource => ({
    id,
    load: async () => {
      const { key, leaseSeconds } = await vault.read(`llm/${id}`);
      return { secret: key, expiresAt: Date.now() + leaseSeconds * 1_000 };
    },
  });
  const pools = credentials({
    endpoints: {
      'anthropic-eu': {
        keys: [fromVault('eu-1'), fromVault('eu-2')],
        tenants: { acme: [fromVault('eu-acme')] },
      },
      'openai-us': {
        keys: [fileKey('/run/secrets/openai', { id: 'us' })],
        headers: { 'openai-project': 'proj_1' },
      },
    },
  });
  // #endregion
  expect(() => pools.validate()).not.toThrow();
});
