import { readdir } from 'node:fs/promises';
import { definePlugin, type Plugin, PRINCIPAL } from '@sluice/core';
import type { TestPipeline } from '@sluice/core/testing';
import { describe, expect, test } from 'vitest';
import { auditFolder, type AuditFolder, auditPipeline } from '../../../../../test/support/audit.ts';
import { type AuditAlert, type AuditOptions, requestErasure, verifyLog } from '../index.ts';
import { openOffline } from './offline.ts';

const DAY_MS = 86_400_000;

/** The caller is in a header: an identity plugin's work. */
const identity = (): Plugin =>
  definePlugin({
    name: 'identity',
    create: () => ({
      handle: (request, next, ctx) => {
        const [tenant = '', id = ''] = (request.headers['x-caller'] ?? '').split('/');
        ctx.state.set(PRINCIPAL, { id, tenant });
        return next(request);
      },
    }),
  })();

const open = (folder: AuditFolder, options: AuditOptions): TestPipeline =>
  auditPipeline(
    folder,
    { content: { request: 'full', response: 'full' }, durability: 'sync', ...options },
    { plugins: [identity()] },
  );

async function say(pipe: TestPipeline, caller: string, text: string): Promise<void> {
  const headers = { 'content-type': 'application/json', 'x-caller': caller };
  await (await pipe.post({ messages: [{ role: 'user', content: text }] }, { headers })).text();
}

/** What `sluice-audit erase --tenant acme` does. */
async function eraseByHand({ directory }: AuditFolder): Promise<number> {
  const warn = (text: string): never => expect.unreachable(text);
  const offline = await openOffline({ directory, log: 'audit', signer: undefined, warn });
  return offline.erase({ tenant: 'acme' }, () => undefined).finally(() => offline.close());
}

/** Lets time pass and real files follow, until it is so. */
async function eventually(pipe: TestPipeline, stepMs: number, holds: () => Promise<boolean>): Promise<void> {
  for (let step = 0; step < 200; step++) {
    if (await holds()) return;
    await pipe.clock.advance(stepMs);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(await holds()).toBe(true);
}

const files = async ({ directory }: AuditFolder): Promise<string[]> =>
  (await readdir(directory)).filter((file) => file.endsWith('.jsonl')).toSorted();

describe('erasure', () => {
  test.each([
    ['a tenant', { tenant: 'acme' }, ['alice text', 'bob text'], ['carol text']],
    ['a subject', { subject: 'bob' }, ['bob text'], ['alice text', 'carol text']],
  ])('of %s removes content and salts, and the chain still verifies', async (_, selector, gone, kept) => {
    await using folder = await auditFolder();
    {
      await using pipe = open(folder, {});
      await say(pipe, 'acme/alice', 'alice text');
      await say(pipe, 'acme/bob', 'bob text');
      await say(pipe, 'other/carol', 'carol text');
      await requestErasure(folder.directory, 'audit', selector);
      await eventually(pipe, 10_000, async () => (await folder.text()).includes('erasure-completed'));
      await say(pipe, 'other/carol', 'afterwards');
    }
    const text = await folder.text();
    for (const one of gone) expect(text).not.toContain(one);
    for (const one of [...kept, 'afterwards']) expect(text).toContain(one);
    // A salt for each request, and content with each answer: two lines of each call that is left.
    expect(text.match(/^\{"seq":\d+,"call"/gm)).toHaveLength((kept.length + 1) * 2);
    const report = await verifyLog(folder);
    expect(report).toMatchObject({ state: 'intact', problems: [] });
    expect(report.notices.join()).toContain('content erased');
    expect(await readdir(folder.directory)).not.toContainEqual(expect.stringContaining('erase-request'));
  });

  test('spares what is under legal hold', async () => {
    await using folder = await auditFolder();
    {
      await using pipe = open(folder, { legalHold: [{ subject: 'bob' }] });
      await say(pipe, 'acme/alice', 'alice text');
      await say(pipe, 'acme/bob', 'bob text');
      await requestErasure(folder.directory, 'audit', { tenant: 'acme' });
      await eventually(pipe, 10_000, async () => (await folder.text()).includes('erasure-completed'));
    }
    const text = await folder.text();
    expect(text).not.toContain('alice text');
    expect(text).toContain('bob text');
    expect((await verifyLog(folder)).state).toBe('intact');
  });

  test('by hand, later, spares what was under legal hold when the log was last written', async () => {
    await using folder = await auditFolder();
    {
      await using pipe = open(folder, { legalHold: [{ tenant: 'acme', subject: 'bob' }, { tenant: 'x' }] });
      await say(pipe, 'acme/alice', 'alice text');
      await say(pipe, 'acme/bob', 'bob text');
    }
    // What it writes itself says nothing of holds, and lifts none.
    expect([await eraseByHand(folder), await eraseByHand(folder)]).toEqual([2, 0]);
    expect(await folder.text()).not.toContain('alice text');
    expect(await folder.text()).toContain('bob text');
    expect((await verifyLog(folder)).problems).toEqual([]);
  });

  test('by hand is refused when everything was under legal hold, until that is lifted', async () => {
    await using folder = await auditFolder();
    {
      await using pipe = open(folder, { legalHold: true });
      await say(pipe, 'acme/alice', 'alice text');
    }
    await expect(eraseByHand(folder)).rejects.toThrow('everything is under legal hold');
    {
      await using pipe = open(folder, {});
      await pipe.pipeline.start();
    }
    expect(await eraseByHand(folder)).toBe(2);
    expect((await verifyLog(folder)).problems).toEqual([]);
  });
});

describe('retention', () => {
  /** A call on each of some days, each in a file of its own. */
  async function days(
    folder: AuditFolder,
    pipe: TestPipeline,
    count: number,
    caller = 'acme/alice',
  ): Promise<void> {
    for (let day = 0; day < count; day++) {
      await say(pipe, caller, `day ${day}.`);
      await pipe.clock.advance(DAY_MS);
    }
    await say(pipe, caller, `last day.`);
    expect(await files(folder)).not.toHaveLength(0);
  }

  test('takes files away whole when their records are old enough, and says so in the chain', async () => {
    await using folder = await auditFolder();
    {
      await using pipe = open(folder, { rotateMs: DAY_MS, retention: { recordDays: 10 } });
      await days(folder, pipe, 14);
      await eventually(pipe, 60_000, async () => !(await folder.text()).includes('day 3.'));
    }
    const text = await folder.text();
    expect(text).toContain('day 6.');
    const report = await verifyLog(folder);
    expect(report).toMatchObject({ state: 'intact', problems: [] });
    expect(report.first).toBeGreaterThan(0);
    expect(report.notices.join()).toContain('were retired');
  });

  test('of content is shorter, and leaves the records', async () => {
    await using folder = await auditFolder();
    {
      await using pipe = open(folder, { rotateMs: DAY_MS, retention: { contentDays: 5 } });
      await days(folder, pipe, 9);
      await eventually(pipe, 60_000, async () => !(await folder.text()).includes('day 2.'));
    }
    expect(await folder.text()).toContain('day 8.');
    const records = await folder.records();
    expect(records.filter(({ type }) => type === 'outcome')).toHaveLength(10);
    expect(await verifyLog(folder)).toMatchObject({ state: 'intact', problems: [], first: 0 });
  });

  test('keeps network logs for 183 days under the profile `cn`, and not for ever', async () => {
    await using folder = await auditFolder();
    {
      await using pipe = open(folder, { rotateMs: DAY_MS, retention: { profile: 'cn', recordDays: 183 } });
      await say(pipe, 'acme/alice', 'first.');
      await pipe.clock.advance(DAY_MS);
      await say(pipe, 'acme/alice', 'second.');
      await pipe.clock.advance(181.9 * DAY_MS);
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 5));
      expect(await folder.text()).toContain('first.');
      await pipe.clock.advance(20 * DAY_MS);
      await eventually(pipe, 60_000, async () => !(await folder.text()).includes('first.'));
    }
    expect((await verifyLog(folder)).state).toBe('intact');
  });

  test('stops before what is under legal hold', async () => {
    await using folder = await auditFolder();
    {
      await using pipe = open(folder, {
        rotateMs: DAY_MS,
        retention: { recordDays: 5 },
        legalHold: [{ subject: 'bob' }],
      });
      await days(folder, pipe, 1, 'acme/alice');
      await days(folder, pipe, 1, 'acme/bob');
      await days(folder, pipe, 12, 'acme/alice');
      await eventually(pipe, 60_000, async () => (await verifyLog(folder)).first > 0);
    }
    const owners = (await folder.records()).map((record) => record['principal']);
    expect(owners).toContain('bob');
    expect((await verifyLog(folder)).state).toBe('intact');
  });

  test('does not believe a wall clock that jumps', async () => {
    await using folder = await auditFolder();
    const alerts: AuditAlert[] = [];
    {
      await using pipe = open(folder, {
        rotateMs: DAY_MS,
        retention: { recordDays: 10 },
        onAlert: (alert) => void alerts.push(alert),
      });
      await days(folder, pipe, 2);
      const before = pipe.clock.wallTime();
      Object.assign(pipe.clock, { wallTime: () => before + 400 * DAY_MS });
      await eventually(pipe, 60_000, async () => alerts.length > 0);
      await pipe.clock.advance(600_000);
    }
    expect(alerts).toMatchObject([{ type: 'retention-failed', facts: { code: 'clock-jump' } }]);
    expect(await folder.text()).toContain('day 0.');
  });
});
