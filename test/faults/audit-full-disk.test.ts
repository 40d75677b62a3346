import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPipeline, type Pipeline, provide, TRANSPORT } from '@sluice/core';
import { audit, type AuditAlert, type AuditOptions, verifyLog } from '@sluice/audit';
import { expect, test } from 'vitest';
import { goodAnswer } from '../support/audit.ts';

/** A disk of 512 KiB; undefined where this process may not mount one. */
async function smallDisk(): Promise<({ readonly path: string } & AsyncDisposable) | undefined> {
  const path = await mkdtemp(join(tmpdir(), 'sluice-audit-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    await rm(path, { recursive: true });
    return undefined;
  }
  return {
    path,
    async [Symbol.asyncDispose]() {
      execFileSync('umount', [path]);
      await rm(path, { recursive: true });
    },
  };
}

function pipelineOn(options: AuditOptions): Pipeline {
  return createPipeline({
    upstream: 'https://upstream.test',
    plugins: [audit(options)],
    services: [provide(TRANSPORT, () => ({ send: async () => goodAnswer(), close: async () => undefined }))],
  });
}

async function post(pipeline: Pipeline): Promise<number> {
  const body = JSON.stringify({ model: randomBytes(100).toString('hex'), messages: [] });
  const headers = { 'content-type': 'application/json' };
  const response = await pipeline.fetch('https://caller.test/v1/messages', { method: 'POST', headers, body });
  await response.text();
  return response.status;
}

test('a disk that fills up under load refuses calls, and goes on when there is room', async ({ skip }) => {
  await using disk = await smallDisk();
  if (disk === undefined) return skip('this process may not mount a tmpfs');
  const ballast = join(disk.path, 'ballast');
  await writeFile(ballast, Buffer.alloc(300 * 1024));
  const directory = join(disk.path, 'log');
  const alerts: AuditAlert[] = [];
  const statuses: number[] = [];
  {
    await using pipeline = pipelineOn({
      directory,
      durability: 'sync',
      onOverflow: 'shed',
      onAlert: (alert) => void alerts.push(alert),
    });
    while (!statuses.includes(503))
      statuses.push(...(await Promise.all(Array.from({ length: 16 }, () => post(pipeline)))));
    await rm(ballast);
    await expect.poll(() => post(pipeline), { timeout: 10_000 }).toBe(200);
  }
  expect(new Set(statuses)).toEqual(new Set([200, 503]));
  expect(alerts.map(({ type }) => type)).toEqual(expect.arrayContaining(['write-failed', 'write-resumed']));
  const report = await verifyLog({ directory });
  expect(report).toMatchObject({ state: 'intact', problems: [] });
});
