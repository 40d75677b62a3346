import Anthropic from '@anthropic-ai/sdk';
import { CLOCK, provide } from '@sluice/core';
import { credentials } from '@sluice/credentials';
import {
  fileKeyDirectory,
  fileKeyRegistry,
  identity,
  issueKey,
  KEY_DIRECTORY,
  revokeKey,
} from '@sluice/identity';
import { retry } from '@sluice/retry';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MOUNTS } from '../support/mounts.ts';
import { type Stage, stageFor } from '../support/stage.ts';
import { thrownBy } from '../support/thrown-by.ts';
import { QUESTION, textOf } from './anthropic-client.ts';
import { QUESTION as CHAT } from './openai-client.ts';

describe.each(MOUNTS)('virtual keys through $name', (mount) => {
  let folder: string;
  let stage: Stage;
  const issued = issueKey({ principal: 'app', models: [QUESTION.model, CHAT.model] });
  const other = issueKey({ models: ['claude-haiku-*'] });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-clients-'));
    const file = join(folder, 'keys.jsonl');
    const registry = fileKeyRegistry(file);
    await registry.put(issued.key);
    await registry.put(other.key);
    stage = await stageFor(mount, {
      upstream: { requireKey: true },
      host: { basePath: '/claude' },
      pipeline: {
        plugins: [
          identity(),
          retry({ throttledDelayMs: 1 }),
          credentials({
            onEvent: () => undefined,
            keys: [
              { id: 'a', load: () => 'operators-a' },
              { id: 'b', load: () => 'operators-b' },
            ],
          }),
        ],
        services: [provide(KEY_DIRECTORY, (needs) => fileKeyDirectory(file, needs), { clock: CLOCK })],
      },
    });
  });
  afterEach(async () => {
    await stage[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const anthropic = (apiKey: string, maxRetries = 2): Anthropic =>
    new Anthropic({ apiKey, baseURL: stage.baseUrl, fetch: stage.fetch, maxRetries, logLevel: 'off' });
  const openai = (apiKey: string): OpenAI =>
    new OpenAI({ apiKey, baseURL: `${stage.baseUrl}/v1`, fetch: stage.fetch, logLevel: 'off' });

  it('are what the official SDKs send as their key; upstream sees the operator’s alone', async () => {
    const client = anthropic(issued.text);
    expect((await client.messages.create(QUESTION)).content).toHaveLength(1);
    expect(await textOf(await client.messages.create({ ...QUESTION, stream: true }))).not.toBe('');
    expect((await openai(issued.text).chat.completions.create(CHAT)).choices).toHaveLength(1);
    expect(stage.upstream.requests).toHaveLength(3);
    for (const { rawHeaders } of stage.upstream.requests) {
      expect(JSON.stringify(rawHeaders)).not.toContain(issued.text);
      expect(JSON.stringify(rawHeaders).match(/operators-[ab]/g)).toHaveLength(1);
    }
  });

  it('that are wrong are the SDKs’ own authentication errors, after one request', async () => {
    const [first, second] = await Promise.all([
      thrownBy(anthropic(issueKey().text).messages.create(QUESTION)),
      thrownBy(openai('sk-nobody').chat.completions.create(CHAT)),
    ]);
    expect(first).toBeInstanceOf(Anthropic.AuthenticationError);
    expect(second).toBeInstanceOf(OpenAI.AuthenticationError);
    expect(stage.outcomes).toHaveLength(2);
    expect(stage.upstream.requests).toHaveLength(0);
  });

  it('that may not use the model are the SDKs’ own permission errors', async () => {
    expect(await thrownBy(anthropic(other.text).messages.create(QUESTION))).toBeInstanceOf(
      Anthropic.PermissionDeniedError,
    );
    expect(stage.outcomes).toHaveLength(1);
  });

  it('are refused as soon as they are revoked', async () => {
    const client = anthropic(issued.text);
    await client.messages.create(QUESTION);
    await revokeKey(fileKeyRegistry(join(folder, 'keys.jsonl')), issued.key.id, 0);
    await vi.waitFor(async () => {
      expect(await thrownBy(client.messages.create(QUESTION))).toBeInstanceOf(Anthropic.AuthenticationError);
    }, 5_000);
  });

  it('do not notice that one of the operator’s keys is at its limit, and another revoked', async () => {
    for (const status of [429, 401]) {
      stage.upstream.reply({ kind: 'status', status, retryAfter: '60' });
      const model = status === 429 ? QUESTION.model : CHAT.model;
      await anthropic(issued.text, 0).messages.create({ ...QUESTION, model });
    }
    expect(stage.outcomes.map(({ attempts, status }) => [attempts, status])).toEqual([
      [2, 200],
      [2, 200],
    ]);
  });

  it('are told by no 401 of theirs that the operator’s are revoked', async () => {
    stage.upstream.reply({ kind: 'status', status: 401, times: 2 });
    const error = await thrownBy(anthropic(issued.text).messages.create(QUESTION));
    expect(error).toBeInstanceOf(Anthropic.InternalServerError);
    expect(error).toMatchObject({ status: 502 });
    // The SDK obeys `x-should-retry: false`.
    expect(stage.outcomes).toHaveLength(1);
    expect(stage.upstream.requests).toHaveLength(2);
  });
});
