import { fakeClock } from '@sluice/core/testing';
import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  fileKeyDirectory,
  fileKeyRegistry,
  issueKey,
  type KeyDirectory,
  revokeKey,
  type VirtualKey,
} from './index.ts';

let folder: string;
let path: string;
const { signal } = new AbortController();
const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-keys-'));
  path = join(folder, 'keys.jsonl');
  warned.mockClear();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const line = (key: VirtualKey): string => `${JSON.stringify(key)}\n`;

/** A directory at work, and time that passes until something is so. */
async function reading(): Promise<
  { directory: KeyDirectory; until: (check: () => void) => Promise<void> } & AsyncDisposable
> {
  const clock = fakeClock();
  const directory = fileKeyDirectory(path, { clock });
  await directory.start?.();
  return {
    directory,
    until: (check) =>
      vi.waitFor(
        async () => {
          await clock.advance(1_000);
          check();
        },
        { timeout: 10_000, interval: 5 },
      ),
    [Symbol.asyncDispose]: async () => {
      await directory.close?.();
      expect(clock.pendingTimers).toBe(0);
    },
  };
}

describe('a file of keys', () => {
  test('is read at the start, and again whenever it changes', async () => {
    const [first, second] = [issueKey().key, issueKey({ tenant: 'acme' }).key];
    const registry = fileKeyRegistry(path);
    await registry.put(first);
    await using file = await reading();
    expect(file.directory.find(first.id, signal)).toEqual(first);
    expect(file.directory.find(second.id, signal)).toBeUndefined();
    await registry.put(second);
    await file.until(() => {
      expect(file.directory.find(second.id, signal)).toEqual(second);
    });
    expect(await revokeKey(registry, first.id, 0)).toBe(true);
    await file.until(() => {
      expect(file.directory.find(first.id, signal)).toEqual({
        ...first,
        revokedAt: '1970-01-01T00:00:00.000Z',
      });
    });
    expect(await revokeKey(registry, 'unknown', 0)).toBe(false);
    expect(warned).not.toHaveBeenCalled();
  });

  const { key } = issueKey();
  test.each<[string, string, string]>([
    ['no JSON', `${line(key)}not json\n`, 'line 2: no JSON'],
    ['half a line', line(key).slice(0, 60), 'its last line has no end'],
    ['a last line without an end', line(key).trimEnd(), 'its last line has no end'],
    ['nothing', '', 'it has no keys any more'],
    ['a list', '[]\n', 'line 1: no virtual key: id is missing; hash is missing'],
    ['an id twice', line(key) + line(key), 'line 2: the id stands on an earlier line already'],
    [
      'an unknown field',
      line({ ...key, canary: 'canary' } as VirtualKey),
      'line 1: no virtual key: it has a field that keys do not have',
    ],
    [
      'a bad hash',
      line({ ...key, hash: 'canary' }),
      'line 1: no virtual key: hash must be as issueKey made it',
    ],
    ['no hash', `{"id":"${key.id}"}\n`, 'line 1: no virtual key: hash is missing'],
    [
      'a bad time',
      line({ ...key, expiresAt: 'canary' }),
      'line 1: no virtual key: expiresAt must be a time, ISO 8601',
    ],
    [
      'a bad model',
      line({ ...key, models: ['can*ary'] }),
      'line 1: no virtual key: models may have a * at its end alone',
    ],
    [
      'a bad limit',
      line({ ...key, limits: { canary: -1 } }),
      'line 1: no virtual key: limits must be at least 0',
    ],
  ])('that has %s keeps the keys as they were, and tells', async (_what, text, complaint) => {
    const old = issueKey().key;
    await writeFile(path, line(old));
    await using file = await reading();
    await writeFile(`${path}.tmp`, text);
    await rename(`${path}.tmp`, path);
    await file.until(() => {
      expect(warned).toHaveBeenCalled();
    });
    expect(String(warned.mock.lastCall?.[0])).toContain(`the keys stay as they were: ${complaint}`);
    expect(String(warned.mock.lastCall?.[0])).not.toContain('canary');
    expect(file.directory.find(old.id, signal)).toEqual(old);
    await writeFile(`${path}.tmp`, line(key));
    await rename(`${path}.tmp`, path);
    await file.until(() => {
      expect(file.directory.find(key.id, signal)).toEqual(key);
    });
  });

  test('that is taken away keeps the keys as they were', async () => {
    const { key } = issueKey();
    await writeFile(path, line(key));
    await using file = await reading();
    await rm(path);
    await file.until(() => {
      expect(warned).toHaveBeenCalled();
    });
    expect(file.directory.find(key.id, signal)).toEqual(key);
  });

  test.each([
    ['is absent', undefined, 'ENOENT'],
    ['is broken', 'canary\n', 'line 1: no JSON'],
  ])('that %s at the start keeps the pipeline from starting', async (_what, text, complaint) => {
    if (text !== undefined) await writeFile(path, text);
    const clock = fakeClock();
    const started = Promise.resolve(fileKeyDirectory(path, { clock }).start?.());
    await expect(started).rejects.toThrow(complaint);
    await expect(started).rejects.not.toThrow('canary');
    expect(clock.pendingTimers).toBe(0);
  });

  test('is seen whole at any time while it is written', async () => {
    const registry = fileKeyRegistry(path);
    await registry.put(issueKey().key);
    await using file = await reading();
    const before = (await registry.list())[0] as VirtualKey;
    for (let i = 0; i < 50; i++) {
      await registry.put(issueKey().key);
      expect(file.directory.find(before.id, signal)).toBeDefined();
    }
    await file.until(() => {
      expect(warned).not.toHaveBeenCalled();
    });
    expect(await registry.list()).toHaveLength(51);
  });
});

describe('writing a file of keys', () => {
  test('leaves nothing beside it, for the owner alone to read', async () => {
    await fileKeyRegistry(path).put(issueKey().key);
    expect(await readdir(folder)).toEqual(['keys.jsonl']);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test('by two at once loses nobody’s key', async () => {
    const registry = fileKeyRegistry(path);
    const put = await Promise.allSettled(Array.from({ length: 8 }, () => registry.put(issueKey().key)));
    const done = put.filter(({ status }) => status === 'fulfilled').length;
    expect(done).toBeGreaterThan(0);
    expect(await registry.list()).toHaveLength(done);
    for (const one of put)
      if (one.status === 'rejected') expect(String(one.reason)).toContain('somebody else is changing');
  });

  test('that is broken is refused, not overwritten', async () => {
    await writeFile(path, 'precious\n');
    await expect(fileKeyRegistry(path).put(issueKey().key)).rejects.toThrow('line 1: no JSON');
    expect(await readFile(path, 'utf8')).toBe('precious\n');
  });
});
