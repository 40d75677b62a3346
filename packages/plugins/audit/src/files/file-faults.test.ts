import {
  type FileHandle,
  open,
  readdir,
  readFile,
  rename,
  rm,
  truncate,
  writeFile,
  appendFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { hash } from 'node:crypto';
import { CLOCK, createPipeline, provide } from '@sluice/core';
import { type FakeClock, fakeClock } from '@sluice/core/testing';
import { describe, expect, test } from 'vitest';
import { auditFolder, type AuditFolder } from '../../../../../test/support/audit.ts';
import { DIGEST_CHARS, salted } from '../chain/salts.ts';
import { AuditLog } from '../log/audit-log.ts';
import type { Entry } from '../log/queue.ts';
import { LogUnavailable } from '../log/unavailable.ts';
import type { AuditAlert, Durability, LogSettings } from '../log/settings.ts';
import { readSegment } from '../retention/segments.ts';
import { verifyLog } from '../verify/verify.ts';
import { FileSink, type FileSinkSettings } from './file-sink.ts';
import { readSalts } from './salts-file.ts';
import type { OpenFile } from './segment.ts';

type Fault = (path: string, action: 'write' | 'datasync') => NodeJS.ErrnoException | undefined;

function failure(code: string, syscall = 'write'): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: simulated`), { code, syscall });
}

/** Files of which writes and syncs fail as told; a failed write leaves half of its bytes. */
function opener(fault: Fault): OpenFile {
  return async (path, flags, mode) => {
    const file = await open(path, flags, mode);
    return new Proxy(file, {
      get(target, name: keyof FileHandle) {
        const value: unknown = Reflect.get(target, name, target);
        if (name === 'write')
          return async (bytes: Uint8Array, offset: number, length: number) => {
            const error = fault(path, 'write');
            if (error === undefined) return target.write(bytes, offset, length);
            await target.write(bytes, offset, length >> 1);
            throw error;
          };
        if (name === 'datasync')
          return async () => {
            const error = fault(path, 'datasync');
            if (error !== undefined) throw error;
            await target.datasync();
          };
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  };
}

interface TestLog {
  readonly log: AuditLog;
  readonly sink: FileSink;
  readonly alerts: AuditAlert[];
  readonly clock: FakeClock;
}

async function openLog(
  { directory }: AuditFolder,
  options: Partial<LogSettings & FileSinkSettings> = {},
): Promise<TestLog> {
  const clock = fakeClock();
  const alerts: AuditAlert[] = [];
  const settings = {
    directory,
    log: 'audit',
    durability: 'sync' as const,
    syncEveryMs: 1_000,
    rotateBytes: 1 << 26,
    rotateMs: 86_400_000,
    onOverflow: 'block' as const,
    maxQueueBytes: 1 << 20,
    maxBlockMs: 2_000,
    writeEveryMs: 20,
    legalHold: [],
    origin: 'test',
    signer: undefined,
    checkpointEveryRecords: 10_000,
    checkpointEveryMs: 60_000,
    publish: undefined,
    alert: (alert: AuditAlert) => void alerts.push(alert),
    ...options,
  };
  const sink = new FileSink(settings, clock);
  const log = new AuditLog([sink], settings, clock, 'test');
  await log.start();
  return { log, sink, alerts, clock };
}

/** A record with the digest of its name. */
const record = (name: string): Entry => ({
  members: `"type":"intent","call":"${name}","request":{"digest":"${'_'.repeat(DIGEST_CHARS)}"}`,
  digests: [{ direction: 'request', digest: hash('sha256', name, 'base64url'), fromEnd: DIGEST_CHARS + 2 }],
  beside: '',
});

/** The salts of all records are there, wherever a fault has brought them. */
async function allMatch({ directory }: AuditFolder): Promise<void> {
  const segments = (await readdir(directory)).filter((file) => /\.\d{6}\.jsonl$/.test(file));
  for (const segment of segments) {
    const salts = await readSalts(directory, segment);
    await readSegment(join(directory, segment), ({ seq, type, call, request }) => {
      if (type !== 'intent') return undefined;
      const digest = salted(hash('sha256', String(call), 'base64url'), 'request', salts?.of(seq) ?? '');
      expect(request).toEqual({ digest });
      return undefined;
    });
  }
}

async function callsIn(folder: AuditFolder): Promise<unknown[]> {
  return (await folder.records()).filter(({ type }) => type === 'intent').map((one) => one['call']);
}

/** Real files take real time; the clock stands still meanwhile. */
async function moving<T>(clock: FakeClock, work: Promise<T>): Promise<T> {
  let settled = false;
  void work.catch(() => undefined).finally(() => (settled = true));
  while (!settled) await clock.advance(100);
  return work;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe('a sync that fails', () => {
  test('costs the file its trust: everything is written again in another one', async () => {
    await using folder = await auditFolder();
    let failing = false;
    const { log, alerts } = await openLog(folder, {
      open: opener((_, action) => {
        if (!failing || action !== 'datasync') return undefined;
        failing = false;
        return failure('EIO', 'fdatasync');
      }),
    });
    await log.admit(record('a'));
    failing = true;
    await log.admit(record('b'));
    await log.admit(record('c'));
    await log.close();
    expect(alerts).toMatchObject([{ type: 'fault', facts: { code: 'EIO', file: 'audit.000001.jsonl' } }]);
    expect(new Set(await callsIn(folder))).toEqual(new Set(['a', 'b', 'c']));
    const report = await verifyLog(folder);
    expect(report).toMatchObject({ state: 'intact', problems: [], segments: 2 });
    expect(report.notices.join()).toContain('fault EIO');
    await allMatch(folder);
  });

  test('with `interval` brings back what was written since the last one', async () => {
    await using folder = await auditFolder();
    let failing = false;
    const { log, clock } = await openLog(folder, {
      durability: 'interval',
      open: opener((_, action) =>
        failing && action === 'datasync' ? failure('EIO', 'fdatasync') : undefined,
      ),
    });
    for (const name of ['a', 'b', 'c']) {
      void log.admit(record(name));
      await moving(clock, log.append(record(`${name}'`)));
    }
    failing = true;
    await clock.advance(1_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    failing = false;
    await moving(clock, log.append(record('d')));
    await log.close();
    const report = await verifyLog(folder);
    expect(report).toMatchObject({ state: 'intact', problems: [] });
    expect(new Set(await callsIn(folder))).toEqual(new Set(['a', "a'", 'b', "b'", 'c', "c'", 'd']));
    await allMatch(folder);
  });
});

test.each<Durability>(['os', 'sync', 'interval'])(
  'with `%s`, a file whose last sync fails is not synced again and counted as good',
  async (durability) => {
    await using folder = await auditFolder();
    const synced: string[] = [];
    let failing = false;
    const { log, sink, alerts, clock } = await openLog(folder, {
      durability,
      open: opener((path, action) => {
        if (action === 'datasync') synced.push(path.slice(-12));
        if (!failing || action !== 'datasync') return undefined;
        failing = false;
        return failure('EIO', 'fdatasync');
      }),
    });
    await moving(clock, log.append(record('a')));
    await moving(clock, log.append(record('b')));
    failing = true;
    synced.length = 0;
    const ended = log.between((size) => sink.rotate(size));
    // With `interval` everything is written anew; elsewhere nobody has it any more, or it is on the disk.
    if (durability === 'interval') await ended;
    else await expect(ended).rejects.toThrow('EIO');
    await log.between((size) => sink.rotate(size));
    expect(synced[0]).not.toBe(synced[1]);
    await moving(clock, log.append(record('c')));
    await moving(clock, log.close());
    expect(alerts).toContainEqual({ type: 'fault', facts: expect.objectContaining({ code: 'EIO' }) });
    expect(await folder.text()).toContain('"type":"fault"');
    expect(new Set(await callsIn(folder))).toEqual(new Set(['a', 'b', 'c']));
    expect(await verifyLog(folder)).toMatchObject({ problems: [] });
  },
);

test('a write that fails half-way is repeated in another file', async () => {
  await using folder = await auditFolder();
  let failing = false;
  const { log } = await openLog(folder, {
    open: opener((_, action) => {
      if (!failing || action !== 'write') return undefined;
      failing = false;
      return failure('EIO');
    }),
  });
  await log.admit(record('a'));
  failing = true;
  await log.admit(record('b'));
  await log.close();
  expect(await verifyLog(folder)).toMatchObject({ state: 'intact', problems: [], segments: 2 });
});

describe('a full disk', () => {
  const full = (state: { full: boolean }): { readonly open: OpenFile } => ({
    open: opener((_, action) => (state.full && action === 'write' ? failure('ENOSPC') : undefined)),
  });

  test('refuses calls while it lasts, says so in the chain, and goes on in the same file', async () => {
    await using folder = await auditFolder();
    const state = { full: false };
    const { log, alerts, clock } = await openLog(folder, { onOverflow: 'shed', ...full(state) });
    await log.admit(record('a'));
    state.full = true;
    await expect(log.admit(record('b'))).rejects.toBeInstanceOf(LogUnavailable);
    await until(() => log.failing);
    await expect(async () => log.admit(record('c'))).rejects.toBeInstanceOf(LogUnavailable);
    state.full = false;
    await moving(clock, log.append(record('d')));
    await log.close();
    expect(alerts.map(({ type }) => type)).toEqual(['write-failed', 'write-resumed', 'gap']);
    // b was queued when the disk filled up: it is written after all, and c is counted.
    expect(await callsIn(folder)).toEqual(['a', 'b', 'd']);
    expect(await verifyLog(folder)).toMatchObject({ state: 'intact', segments: 1 });
    expect((await folder.records()).find(({ type }) => type === 'gap')).toMatchObject({
      refused: 1,
      dropped: 0,
    });
  });

  test('with `block` makes calls wait, and lets them go on when there is room again', async () => {
    await using folder = await auditFolder();
    const state = { full: false };
    const { log, clock } = await openLog(folder, { maxBlockMs: 3_600_000, ...full(state) });
    state.full = true;
    void log.append(record('a'));
    await clock.advance(20);
    await until(() => log.failing);
    const waiting = Promise.resolve(log.admit(record('b')));
    state.full = false;
    await moving(clock, waiting);
    await moving(clock, log.close());
    expect(await callsIn(folder)).toEqual(['a', 'b']);
    expect((await folder.records()).some(({ type }) => type === 'gap')).toBe(false);
  });

  test('with `block` refuses calls when it takes too long', async () => {
    await using folder = await auditFolder();
    const state = { full: false };
    const { log, clock } = await openLog(folder, full(state));
    state.full = true;
    void log.append(record('a')).catch(() => undefined);
    await clock.advance(20);
    await until(() => log.failing);
    await expect(moving(clock, Promise.resolve(log.admit(record('b'))))).rejects.toBeInstanceOf(
      LogUnavailable,
    );
    await moving(
      clock,
      log.close().catch(() => undefined),
    );
  });

  test('keeps the pipeline from starting', async () => {
    await using folder = await auditFolder();
    await expect(openLog(folder, full({ full: true }))).rejects.toThrow('ENOSPC');
    await (await openLog(folder)).log.close();
    expect((await verifyLog(folder)).state).toBe('intact');
  });

  /** On a disk that has filled up after the first record. */
  async function droppingLog(folder: AuditFolder): Promise<TestLog & { readonly state: { full: boolean } }> {
    const state = { full: false };
    const opened = await openLog(folder, { onOverflow: 'drop', maxQueueBytes: 65_536, ...full(state) });
    await opened.log.admit(record('a'));
    state.full = true;
    return { ...opened, state };
  }

  test('with `drop` lets calls go on, and counts what is missing', async () => {
    await using folder = await auditFolder();
    const { log, clock, state } = await droppingLog(folder);
    for (let i = 0; i < 40; i++) void log.admit(record(`${'x'.repeat(4_000)}${i}`));
    await until(() => log.failing);
    state.full = false;
    await moving(clock, log.close());
    const gap = (await folder.records()).find(({ type }) => type === 'gap');
    const written = (await callsIn(folder)).length - 1;
    expect(written + Number(gap?.['dropped'])).toBe(40);
    expect(await verifyLog(folder)).toMatchObject({ state: 'intact' });
  });

  test("with `drop` takes the log's own records all the same, which an erasure needs", async () => {
    await using folder = await auditFolder();
    const { log, clock, state } = await droppingLog(folder);
    for (let i = 0; i < 40; i++) void log.append(record(`${'x'.repeat(4_000)}${i}`));
    await clock.advance(20);
    await until(() => log.failing);
    const told = log.control('erased', '"selector":{"tenant":"acme"},"before":1');
    state.full = false;
    await moving(clock, told);
    await log.close();
    expect((await folder.records()).map(({ type }) => type)).toContain('erased');
    await expect(log.control('erased', '"before":1')).rejects.toBeInstanceOf(LogUnavailable);
  });

  test('that stays full does not keep the pipeline from closing', async () => {
    await using folder = await auditFolder();
    const state = { full: false };
    const { log, clock } = await openLog(folder, full(state));
    await log.admit(record('a'));
    state.full = true;
    const refused = Promise.resolve(log.admit(record('b')));
    refused.catch(() => undefined);
    await moving(
      clock,
      log.close().catch(() => undefined),
    );
    await expect(refused).rejects.toBeInstanceOf(LogUnavailable);
    expect((await verifyLog(folder)).state).toBe('open');
  });
});

describe('a file that somebody else touches', () => {
  async function touched(touch: (path: string) => Promise<void>): Promise<{
    readonly folder: AuditFolder;
    readonly alerts: AuditAlert[];
  }> {
    const folder = await auditFolder();
    const { log, alerts, clock } = await openLog(folder);
    await log.admit(record('a'));
    await touch(join(folder.directory, 'audit.000001.jsonl'));
    await clock.advance(1_500);
    await log.admit(record('b'));
    await log.close();
    return { folder, alerts };
  }

  test('deleted: its content is written again, and nothing is lost', async () => {
    const { folder, alerts } = await touched((path) => rm(path));
    expect(alerts).toMatchObject([{ type: 'fault', facts: { code: 'moved' } }]);
    expect(await callsIn(folder)).toEqual(['a', 'b']);
    expect(await verifyLog(folder)).toMatchObject({ state: 'intact', problems: [] });
    await allMatch(folder);
    await folder[Symbol.asyncDispose]();
  });

  test('moved away, as log rotation does: the same', async () => {
    const { folder } = await touched((path) => rename(path, `${path}.1`));
    expect(await callsIn(folder)).toEqual(['a', 'b']);
    expect(await verifyLog(folder)).toMatchObject({ state: 'intact', problems: [] });
    await allMatch(folder);
    await folder[Symbol.asyncDispose]();
  });

  test('deleted with its directory and its lock: the same', async () => {
    const { folder } = await touched((path) => rm(join(path, '..'), { recursive: true }));
    expect(await callsIn(folder)).toEqual(['a', 'b']);
    expect(await verifyLog(folder)).toMatchObject({ state: 'intact', problems: [] });
    await allMatch(folder);
    await folder[Symbol.asyncDispose]();
  });

  test('cut: what is gone is gone, and the log says so', async () => {
    const { folder, alerts } = await touched((path) => truncate(path, 0));
    expect(alerts).toMatchObject([{ type: 'fault', facts: { code: 'truncated' } }]);
    expect(await callsIn(folder)).toEqual(['b']);
    expect((await verifyLog(folder)).state).toBe('broken');
    await folder[Symbol.asyncDispose]();
  });

  test('written to: it is left, and the foreign bytes are found', async () => {
    const { folder, alerts } = await touched((path) => appendFile(path, 'something else\n'));
    expect(alerts).toMatchObject([{ type: 'fault', facts: { code: 'grown' } }]);
    const { problems, state } = await verifyLog(folder);
    expect(state).toBe('broken');
    expect(problems[0]?.file).toBe('audit.000001.jsonl');
    await folder[Symbol.asyncDispose]();
  });
});

describe('a torn end', () => {
  test.each([1, 20, 60, 200])('of %i bytes is cut, kept and recorded at the next start', async (bytes) => {
    await using folder = await auditFolder();
    const first = await openLog(folder);
    await first.log.admit(record('a'));
    await first.log.close();
    const path = join(folder.directory, 'audit.000001.jsonl');
    await rm(join(folder.directory, 'x'), { force: true });
    const text = await folder.text();
    const { log, alerts } = await (async () => {
      await truncate(path, Buffer.byteLength(text) - bytes);
      return openLog(folder);
    })();
    await log.admit(record('b'));
    await log.close();
    expect(alerts[0]).toMatchObject({ type: 'recovered', facts: { code: 'torn' } });
    const report = await verifyLog(folder);
    expect(report).toMatchObject({ state: 'intact', problems: [] });
    expect(report.notices.join()).toContain('recovered');
    expect(await readdir(folder.directory)).toContain('audit.000001.jsonl.cut');
  });

  test('beside the log is cut off too, however long its line is', async () => {
    await using folder = await auditFolder();
    const first = await openLog(folder);
    await first.log.admit({ ...record('a'), beside: '{"call":"a"}' });
    await first.log.close();
    const path = join(folder.directory, 'audit.000001.beside.jsonl');
    const kept = await readFile(path, 'utf8');
    await appendFile(path, `{"seq":99,"call":"${'b'.repeat(70 << 20)}"}\n`);
    await (await openLog(folder)).log.close();
    expect(await readFile(path, 'utf8')).toBe(kept);
  });

  test('that is more than torn keeps the log from starting, and the sentence says what to do', async () => {
    await using folder = await auditFolder();
    const first = await openLog(folder);
    for (const name of ['a', 'b', 'c', 'd']) await first.log.admit(record(name));
    await first.log.close();
    const path = join(folder.directory, 'audit.000001.jsonl');
    const text = (await folder.text()).replace('"call":"a"', '"call":"z"');
    await rm(path);
    await writeFile(path, text);
    await expect(openLog(folder)).rejects.toThrow(/is damaged at byte \d+ of .*sluice-audit verify/);
  });
});

describe('two writers', () => {
  test('of one log: the second is refused, in a sentence that says what to do', async () => {
    await using folder = await auditFolder();
    const { log } = await openLog(folder);
    await expect(openLog(folder)).rejects.toThrow(/is written by process \d+ .*option "log"/);
    await log.close();
    await (await openLog(folder)).log.close();
    expect((await verifyLog(folder)).state).toBe('intact');
  });

  test('of two logs in one directory do not disturb each other', async () => {
    await using folder = await auditFolder();
    const [a, b] = [await openLog(folder), await openLog(folder, { log: 'other' })];
    await Promise.all([a.log.admit(record('a')), b.log.admit(record('b'))]);
    await a.log.close();
    await b.log.close();
    expect((await verifyLog(folder)).state).toBe('intact');
    expect((await verifyLog({ ...folder, log: 'other' })).state).toBe('intact');
  });

  test('a lock of a process that is gone is taken over', async () => {
    await using folder = await auditFolder();
    const { log } = await openLog(folder);
    await log.close();
    const gone = { token: 'x', pid: 2 ** 22 + 1, host: (await import('node:os')).hostname(), began: '1' };
    await writeFile(join(folder.directory, 'audit.lock'), JSON.stringify(gone));
    await (await openLog(folder)).log.close();
    expect(await readdir(folder.directory)).not.toContain('audit.lock');
  });
});

test('clock jumps leave the order to the sequence, and both clocks on record', async () => {
  await using folder = await auditFolder();
  const base = fakeClock();
  let jump = 0;
  const clock = { ...base, wallTime: () => base.wallTime() + jump };
  const { audit } = await import('../audit.ts');
  const pipeline = createPipeline({
    upstream: 'http://localhost',
    plugins: [audit({ directory: folder.directory, durability: 'sync' })],
    services: [provide(CLOCK, () => clock)],
  });
  await pipeline.start();
  jump = -3_600_000;
  await pipeline.close();
  const [start, , stop] = await folder.records();
  expect(Date.parse(String(stop?.['time'])) - Date.parse(String(start?.['time']))).toBe(-3_600_000);
  expect(stop?.['monotonicMs']).toBe(start?.['monotonicMs']);
  expect((await verifyLog(folder)).state).toBe('intact');
});

test('each file has a key of its own, also those that an erasure ends while calls are written', async () => {
  await using folder = await auditFolder();
  const { log, sink } = await openLog(folder, { rotateBytes: 1_000 });
  const calls = Array.from({ length: 8 }, async (_, caller) => {
    for (let call = 0; call < 10; call++) await log.admit(record(`${caller}.${call}`));
  });
  for (let turn = 0; turn < 5; turn++) {
    const { ordinal, size } = await log.between((taken) => sink.rotate(taken));
    expect(size).toBeGreaterThan(0);
    expect(ordinal).toBeGreaterThan(turn);
  }
  await Promise.all(calls);
  await log.close();
  const keys = (await readdir(folder.directory)).filter((file) => file.includes('.salts.'));
  const texts = await Promise.all(keys.map((file) => readFile(join(folder.directory, file), 'utf8')));
  expect(keys.length).toBeGreaterThan(5);
  expect(new Set(texts).size).toBe(keys.length);
  expect(await verifyLog(folder)).toMatchObject({ state: 'intact', problems: [] });
  await allMatch(folder);
});

test('files that are behind the log are not ended for an erasure', async () => {
  await using folder = await auditFolder();
  const { log, sink } = await openLog(folder);
  await expect(sink.rotate(5)).rejects.toThrow('the files are 3 records behind the audit log');
  await log.close();
});

test('a crash before the record that vouches for a key is told of, and nothing else is', async () => {
  await using folder = await auditFolder();
  const first = await openLog(folder);
  await first.log.close();
  const path = join(folder.directory, 'audit.000001.jsonl');
  // The header and the record of the start are all that came through.
  const text = (await readFile(path, 'utf8'))
    .split(/(?<=\n)/)
    .slice(0, 2)
    .join('');
  await rm(path);
  await writeFile(path, text);
  expect(await verifyLog(folder)).toMatchObject({ state: 'open', problems: [] });
  const { log, alerts } = await openLog(folder);
  await log.close();
  expect(alerts).toMatchObject([{ type: 'recovered', facts: { code: 'torn', bytes: 0 } }]);
  expect(await verifyLog(folder)).toMatchObject({ state: 'intact', problems: [] });
});

test.each(['', '{"audit":1,"log":"aud'])(
  'a file that a crash left with %j for a header is put aside',
  async (left) => {
    await using folder = await auditFolder();
    await (await openLog(folder)).log.close();
    await writeFile(join(folder.directory, 'audit.000002.jsonl'), left);
    expect(await verifyLog(folder)).toMatchObject({ state: 'open', problems: [] });
    const { log } = await openLog(folder);
    await log.admit(record('a'));
    await log.close();
    expect(await verifyLog(folder)).toMatchObject({ state: 'intact', problems: [], segments: 2 });
  },
);
