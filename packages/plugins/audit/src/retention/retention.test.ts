import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { definePlugin, type Plugin, PRINCIPAL } from '@sluice/core';
import type { TestPipeline } from '@sluice/core/testing';
import { describe, expect, test } from 'vitest';
import { auditFolder, type AuditFolder, auditPipeline } from '../../../../../test/support/audit.ts';
import { type AuditAlert, type AuditOptions, matchContent, requestErasure, verifyLog } from '../index.ts';
import { runCli } from '../cli/run.ts';
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
    expect(text.match(/^\{"seq":\d+,"call"/gm)).toHaveLength(kept.length + 1);
    const report = await verifyLog(folder);
    expect(report).toMatchObject({ state: 'intact', problems: [] });
    expect(report.notices.join()).toContain('content erased');
    expect(await readdir(folder.directory)).not.toContainEqual(expect.stringContaining('erase-request'));
  });

  test('of a name that looks like a key erases nobody else, puts no key on record, and is found by it', async () => {
    await using folder = await auditFolder();
    {
      await using pipe = open(folder, {});
      for (const tenant of ['sk-telecom-one', 'sk-telecom-two'])
        await say(pipe, `${tenant}/a`, `of ${tenant}`);
    }
    const warn = (text: string): never => expect.unreachable(text);
    const { directory } = folder;
    const offline = await openOffline({ directory, log: 'audit', signer: undefined, warn });
    const erased = await offline.erase({ tenant: 'sk-telecom-one' }, () => undefined);
    await offline.close();
    // Its two salts, and its content.
    expect(erased).toBe(3);
    expect((await folder.text()).match(/^\{"seq":\d+,"call"/gm)).toHaveLength(1);
    expect(await folder.text()).not.toContain('sk-telecom');
    expect(await verifyLog(folder)).toMatchObject({ problems: [] });
    let out = '';
    const query = ['query', '--dir', directory, '--tenant', 'sk-telecom-two', '--type', 'outcome'];
    await runCli(query, {
      out: (text) => void (out += text),
      err: () => undefined,
      watched: false,
      columns: 80,
      signal: new AbortController().signal,
    });
    expect(out).toMatch(/\[SECRET\]#[0-9a-f]{12}\/a completed/);
  });

  test('makes digests of erased calls good for nothing, and leaves the others good', async () => {
    await using folder = await auditFolder();
    const callers = ['acme/alice', 'other/carol', 'acme/bob'];
    const body = (caller: string): string => JSON.stringify({ model: 'm', messages: [], user: caller });
    const calls = async (pipe: TestPipeline): Promise<void> => {
      for (const caller of callers) {
        const headers = { 'content-type': 'application/json', 'x-caller': caller };
        await (await pipe.post({}, { headers, body: body(caller) })).text();
      }
    };
    {
      await using pipe = open(folder, { content: {} });
      await calls(pipe);
      for (const selector of [{ subject: 'alice' }, { subject: 'bob' }]) {
        await requestErasure(folder.directory, 'audit', selector);
        const done = new RegExp(`"erasure-completed".*"subject":"${selector.subject}"`);
        await eventually(pipe, 10_000, async () => done.test(await folder.text()));
      }
      await calls(pipe);
    }
    const intents = (await folder.records()).filter(({ type }) => type === 'intent');
    const found = intents.map(({ seq }, index) => {
      const bytes = Buffer.from(body(callers[index % 3] as string));
      return matchContent({ ...folder, seq, direction: 'request', bytes });
    });
    expect(await Promise.all(found)).toEqual(['erased', 'same', 'erased', 'same', 'same', 'same']);
    const salts = await readFile(join(folder.directory, 'audit.000001.salts.jsonl'), 'utf8');
    expect(salts).toMatch(/^(\{"seq":\d+,"salt":"[\w-]{22}"\}\n){2}$/);
    expect(await verifyLog(folder)).toMatchObject({ state: 'intact', problems: [] });
  });

  test.each(['before the log says so', 'before the files are replaced', 'between two files'])(
    'cut off %s by a crash leaves a log that verifies, and is done when it is asked for again',
    async (when) => {
      await using folder = await auditFolder();
      const { directory } = folder;
      for (let run = 0; run < 2; run++) {
        await using pipe = open(folder, {});
        await say(pipe, 'acme/alice', 'alice text');
        await say(pipe, 'other/carol', 'carol text');
      }
      const before = new Map<string, Buffer>();
      for (const file of await readdir(directory)) before.set(file, await readFile(join(directory, file)));
      await eraseByHand(folder);
      // Puts back what the crash would have left.
      const cut = when === 'between two files' ? 1 : 0;
      for (const [file, bytes] of before) {
        const segment = Number(/\d{6}/.exec(file)?.[0]);
        if (/salts|beside/.test(file) && segment > cut) await writeFile(join(directory, file), bytes);
      }
      if (when === 'before the log says so')
        for (const file of await readdir(directory)) if (!before.has(file)) await rm(join(directory, file));
      expect((await verifyLog(folder)).problems).toEqual([]);
      expect(await eraseByHand(folder)).toBe(when === 'between two files' ? 3 : 6);
      expect(await folder.text()).not.toContain('alice text');
      expect(await folder.text()).toContain('carol text');
      expect((await verifyLog(folder)).problems).toEqual([]);
    },
  );

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
    expect([await eraseByHand(folder), await eraseByHand(folder)]).toEqual([3, 0]);
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
    expect(await eraseByHand(folder)).toBe(3);
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
      await days(folder, pipe, 1);
      // What a torn end and an erasure that was cut off leave beside.
      for (const left of ['jsonl.cut', 'beside.jsonl.new', 'salts.jsonl.new'])
        await writeFile(join(folder.directory, `audit.000001.${left}`), 'left over');
      await days(folder, pipe, 14);
      await eventually(pipe, 60_000, async () => !(await folder.text()).includes('day 3.'));
    }
    const text = await folder.text();
    expect(text).toContain('day 6.');
    expect(text).not.toContain('left over');
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

  test.each<[string, NonNullable<AuditOptions['retention']>, string]>([
    ['records', { recordDays: 5 }, 'day 4.'],
    ['content', { contentDays: 5 }, 'day 4.'],
  ])('of %s goes on behind a file that has no record', async (_, retention, gone) => {
    await using folder = await auditFolder();
    for (let run = 0; run < 2; run++) {
      await using pipe = open(folder, {});
      await pipe.pipeline.start();
    }
    // What a kill leaves, or a disk that has filled up behind the header.
    const second = join(folder.directory, 'audit.000002.jsonl');
    const [header = ''] = (await readFile(second, 'utf8')).split(/(?<=\n)/);
    await rm(second);
    await writeFile(second, header);
    {
      await using pipe = open(folder, { rotateMs: DAY_MS, retention });
      await days(folder, pipe, 12);
      await eventually(pipe, 60_000, async () => !(await folder.text()).includes(gone));
    }
    expect((await verifyLog(folder)).problems).toEqual([]);
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
