import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createPipeline, provide, TRANSPORT } from '@sluice/core';
import {
  audit,
  AUDIT_SINKS,
  type AuditAlert,
  type AuditOptions,
  type AuditSinks,
  readRedisStream,
  redisStreamSink,
  verifyLog,
} from '@sluice/audit';
import { scriptedTransport } from '@sluice/core/testing';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { auditFolder, goodAnswer } from '../support/audit.ts';
import { describeWithOwnRedis, startRedis } from '../support/redis.ts';

/** A pipeline on real clocks: what is waited for here is a real server. */
function pipelineWith(sinks: AuditSinks, options: AuditOptions): ReturnType<typeof createPipeline> {
  return createPipeline({
    upstream: 'https://upstream.test',
    plugins: [audit(options)],
    services: [
      provide(AUDIT_SINKS, () => sinks),
      provide(TRANSPORT, () => scriptedTransport(...Array.from({ length: 200 }, () => goodAnswer))),
    ],
  });
}

async function post(pipeline: ReturnType<typeof createPipeline>): Promise<Response> {
  const response = await pipeline.fetch('https://caller.test/v1/messages', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"model":"m","messages":[]}',
  });
  await response.text();
  return response;
}

async function linesOf(redis: Redis): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of readRedisStream(redis)) lines.push(line);
  return lines;
}

const types = (lines: readonly string[]): string[] =>
  lines.map((line) => (JSON.parse(line) as { type: string }).type);

describeWithOwnRedis('a Redis stream as a sink', () => {
  test('alone, holds a chain that goes on after a restart', async () => {
    await using server = await startRedis();
    const redis = new Redis(server.url);
    for (let run = 0; run < 2; run++) {
      await using pipeline = pipelineWith(() => [redisStreamSink(redis)], { durability: 'sync' });
      await post(pipeline);
    }
    const lines = await linesOf(redis);
    const run = ['start', 'intent', 'outcome', 'stop', 'checkpoint'];
    expect(types(lines)).toEqual([...run, ...run]);
    expect(lines.map((line) => (JSON.parse(line) as { seq: number }).seq)).toEqual(
      lines.map((_, index) => index),
    );
    redis.disconnect();
  });

  test('beside files has the same lines, byte for byte', async () => {
    await using server = await startRedis();
    await using folder = await auditFolder();
    const redis = new Redis(server.url);
    {
      const { directory } = folder;
      await using pipeline = pipelineWith((files) => [files(), redisStreamSink(redis)], { directory });
      for (let call = 0; call < 5; call++) await post(pipeline);
    }
    const inFiles = (await folder.text()).split('\n').filter((line) => /^\{"seq".*"hash"/.test(line));
    expect(await linesOf(redis)).toEqual(inFiles);
    redis.disconnect();
  });

  test('that dies refuses calls, and has every record once when it is back', async () => {
    // Persistence is the server's business: this one keeps everything.
    await using server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    const redis = new Redis(server.url, { maxRetriesPerRequest: 0, retryStrategy: () => 50 });
    redis.on('error', () => undefined);
    const alerts: AuditAlert[] = [];
    {
      await using pipeline = pipelineWith(() => [redisStreamSink(redis)], {
        durability: 'sync',
        onOverflow: 'shed',
        onAlert: (alert) => void alerts.push(alert),
      });
      expect((await post(pipeline)).status).toBe(200);
      await server.kill();
      expect((await post(pipeline)).status).toBe(503);
      expect((await post(pipeline)).status).toBe(503);
      await server.restart();
      await expect.poll(async () => (await post(pipeline)).status, { timeout: 10_000 }).toBe(200);
    }
    const records = (await linesOf(redis)).map((line) => JSON.parse(line) as { seq: number; type: string });
    expect(records.map(({ seq }) => seq)).toEqual(records.map((_, index) => index));
    expect(records.filter(({ type }) => type === 'gap')).toHaveLength(1);
    expect(alerts.map(({ type }) => type)).toEqual(['write-failed', 'write-resumed', 'gap']);
    redis.disconnect();
  });

  test('that freezes answers in time, and a batch that was sent twice is there once', async () => {
    await using server = await startRedis();
    const redis = new Redis(server.url);
    {
      await using pipeline = pipelineWith(() => [redisStreamSink(redis, { timeoutMs: 100 })], {
        durability: 'sync',
        onOverflow: 'shed',
        onAlert: () => undefined,
      });
      await post(pipeline);
      server.freeze();
      expect((await post(pipeline)).status).toBe(503);
      server.thaw();
      await expect.poll(async () => (await post(pipeline)).status, { timeout: 10_000 }).toBe(200);
    }
    const records = (await linesOf(redis)).map((line) => JSON.parse(line) as { seq: number });
    expect(records.map(({ seq }) => seq)).toEqual(records.map((_, index) => index));
    redis.disconnect();
  });

  test('that is full refuses calls (OOM), and nothing is dropped silently', async () => {
    await using server = await startRedis({ maxMemoryBytes: 3_000_000 });
    const redis = new Redis(server.url);
    {
      await using pipeline = pipelineWith(() => [redisStreamSink(redis)], {
        durability: 'sync',
        onOverflow: 'shed',
        onAlert: () => undefined,
      });
      await post(pipeline);
      await redis.set('ballast', 'x'.repeat(4_000_000)).catch(() => undefined);
      await redis.config('SET', 'maxmemory', '1000000');
      expect((await post(pipeline)).status).toBe(503);
      await redis.config('SET', 'maxmemory', '0');
      await expect.poll(async () => (await post(pipeline)).status, { timeout: 10_000 }).toBe(200);
    }
    expect(types(await linesOf(redis))).toContain('outcome');
    redis.disconnect();
  });

  test('that is ahead of the files after a crash is set aside, and nothing of it is lost', async () => {
    await using server = await startRedis();
    await using folder = await auditFolder();
    const { directory } = folder;
    const redis = new Redis(server.url);
    const both: AuditSinks = (files) => [files(), redisStreamSink(redis)];
    {
      await using pipeline = pipelineWith(both, { directory });
      await post(pipeline);
    }
    // As if the power had gone before the file had the last records.
    const path = join(directory, 'audit.000001.jsonl');
    const text = await readFile(path, 'utf8');
    await rm(path);
    await writeFile(path, `${text.split('\n').slice(0, -3).join('\n')}\n`);
    {
      await using pipeline = pipelineWith(both, { directory, onAlert: () => undefined });
      await post(pipeline);
    }
    expect((await redis.keys('*')).toSorted()).toEqual(['{sluice-audit}', '{sluice-audit}:ahead:6']);
    expect(types(await linesOf(redis))).toContain('recovered');
    expect((await verifyLog(folder)).state).toBe('intact');
    redis.disconnect();
  });
});
