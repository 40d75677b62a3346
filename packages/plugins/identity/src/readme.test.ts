import { CLOCK, createPipeline, provide } from '@sluice/core';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  fileKeyDirectory,
  fileKeyRegistry,
  identity,
  issueKey,
  KEY_DIRECTORY,
  type VirtualKey,
} from './index.ts';

let cwd: string;
let folder: string;
beforeEach(async () => {
  cwd = process.cwd();
  folder = await mkdtemp(join(tmpdir(), 'sluice-readme-'));
  process.chdir(folder);
});
afterEach(async () => {
  process.chdir(cwd);
  await rm(folder, { recursive: true });
});

const post = (key: string): RequestInit => ({ method: 'POST', headers: { 'x-api-key': key }, body: '{}' });

test('the README tells how to use it', async () => {
  await fileKeyRegistry('keys.jsonl').put(issueKey().key);
  // #region use
  const pipeline = createPipeline({
    upstream: 'https://api.anthropic.com',
    plugins: [identity()],
    services: [provide(KEY_DIRECTORY, (needs) => fileKeyDirectory('keys.jsonl', needs), { clock: CLOCK })],
  });
  // #endregion
  const response = await pipeline.fetch('https://caller.test/v1/messages', post('nobody'));
  expect(response.status).toBe(401);
  await pipeline.close();
});

test('the README tells how to keep keys elsewhere', async () => {
  const table = new Map<string, VirtualKey>();
  const database = {
    save: async (key: VirtualKey) => table.set(key.id, key),
    load: async (id: string) => table.get(id),
  };
  // #region own
  const { text, key } = issueKey({ principal: 'billing-bot', tenant: 'acme', models: ['claude-haiku-*'] });
  await database.save(key); // And `text` to its owner: it cannot be had again.

  const own = provide(KEY_DIRECTORY, () => ({ find: (id) => database.load(id) }));
  // #endregion
  const pipeline = createPipeline({
    upstream: 'https://api.anthropic.com',
    plugins: [identity()],
    services: [own],
  });
  const response = await pipeline.fetch('https://caller.test/v1/messages', post(text));
  expect(response.status).toBe(403);
  await pipeline.close();
});
