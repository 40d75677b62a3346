import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { anthropicMessage, testPipeline } from '@sluice/core/testing';
import { describe, expect, test, vi } from 'vitest';
import { CATEGORIES, fileWords, type ListReport, moderation, type WordSource } from '../index.ts';
import { buildWords } from '../words/build.ts';
import { parseCsv, parseJsonl, parseText } from './parse-list.ts';

const answer = (): Response =>
  new Response(anthropicMessage({ text: 'Fine.' }), { headers: { 'content-type': 'application/json' } });
const words = [{ text: 'grumblewort' }];
const says = (content: string): Record<string, unknown> => ({ messages: [{ role: 'user', content }] });

describe('a list', () => {
  test('of 20,000 entries is built in a thread of its own', async () => {
    const entries = Array.from({ length: 20_000 }, (_, i) => ({ text: `word${i.toString(36)}x` }));
    const built = await buildWords(entries);
    expect(built.counts).toEqual({ custom: 20_000 });
  });

  test('from a file is read again when the file is replaced, and a bad one changes nothing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-words-'));
    const path = join(folder, 'words.txt');
    try {
      await writeFile(path, '# sample\ngrumblewort\n!grumblewort tea\n');
      const reports: ListReport[] = [];
      const plugins = [moderation({ words: fileWords(path), onList: (report) => void reports.push(report) })];
      await using pipe = testPipeline({ plugins, answers: [answer(), answer(), answer()] });
      await pipe.pipeline.start();
      expect((await pipe.post(says('grumblewort'))).status).toBe(400);
      expect((await pipe.post(says('grumblewort tea'))).status).toBe(200);
      await writeFile(`${path}.new`, 'zorbleknax\n');
      await rename(`${path}.new`, path);
      await vi.waitFor(() => {
        expect(reports.length).toBeGreaterThan(1);
      });
      expect((await pipe.post(says('zorbleknax'))).status).toBe(400);
      expect((await pipe.post(says('grumblewort'))).status).toBe(200);
      const seen = reports.length;
      await rm(path);
      await vi.waitFor(() => {
        expect(reports.length).toBeGreaterThan(seen);
      });
      expect(reports.at(-1)?.problems[0]).toContain('could not be read');
      expect((await pipe.post(says('zorbleknax'))).status).toBe(400);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('from a mounted file is read again when its links are moved', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-words-'));
    try {
      // As containers mount it: the file is a link into a folder that is a link, and only that one is replaced.
      for (const [version, list] of [
        ['v1', 'grumblewort\n'],
        ['v2', 'grumblewort\nzorbleknax\n'],
      ] as const) {
        await mkdir(join(folder, version));
        await writeFile(join(folder, version, 'words.txt'), list);
      }
      await symlink('v1', join(folder, '..data'));
      await symlink('..data/words.txt', join(folder, 'words.txt'));
      const plugins = [moderation({ words: fileWords(join(folder, 'words.txt')) })];
      await using pipe = testPipeline({ plugins, answers: Array.from({ length: 50 }, () => answer()) });
      expect((await pipe.post(says('grumblewort'))).status).toBe(400);
      await symlink('v2', join(folder, '..new'));
      await rename(join(folder, '..new'), join(folder, '..data'));
      await vi.waitFor(async () => {
        await pipe.clock.advance(1_000);
        expect((await pipe.post(says('zorbleknax'))).status).toBe(400);
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test.each([
    ['nothing', ''],
    ['nothing but comments and exceptions', '# soon\n!grumblewort tea\n'],
  ])('that holds %s is never put in force', async (_, text) => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-words-'));
    const path = join(folder, 'words.txt');
    try {
      await writeFile(path, 'grumblewort\n');
      const reports: ListReport[] = [];
      const plugins = [moderation({ words: fileWords(path), onList: (one) => void reports.push(one) })];
      await using pipe = testPipeline({ plugins });
      expect((await pipe.post(says('grumblewort'))).status).toBe(400);
      await writeFile(path, text);
      await vi.waitFor(async () => {
        await pipe.clock.advance(1_000);
        expect(reports.at(-1)?.problems).toEqual(['the list could not be read: it has no word to look for']);
      });
      expect((await pipe.post(says('grumblewort'))).status).toBe(400);
      await using late = testPipeline({ plugins: [moderation({ words: fileWords(path) })] });
      await expect(late.pipeline.start()).rejects.toThrow();
      expect(late.clock.pendingTimers).toBe(0);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('that changes while it is read for the first time is read again', async () => {
    let change: () => void = () => undefined;
    const versions = ['grumblewort', 'zorbleknax'];
    const source: WordSource = {
      load: () => {
        const entries = [{ text: versions.shift() as string }];
        if (versions.length === 1) change();
        return Promise.resolve({ entries });
      },
      watch: (changed) => {
        change = changed;
        return () => undefined;
      },
    };
    const reports: ListReport[] = [];
    const plugins = [moderation({ words: source, onList: (one) => void reports.push(one) })];
    await using pipe = testPipeline({ plugins, answers: [answer()] });
    await pipe.pipeline.start();
    await vi.waitFor(() => {
      expect(reports).toHaveLength(2);
    });
    expect((await pipe.post(says('zorbleknax'))).status).toBe(400);
    expect((await pipe.post(says('grumblewort'))).status).toBe(200);
  });

  test('is reported with its version, its counts and its age', async () => {
    const reports: ListReport[] = [];
    const source = {
      load: () => Promise.resolve({ entries: [...words, { text: '!' }], version: '7', updatedAt: 0 }),
    };
    await using pipe = testPipeline({
      plugins: [moderation({ words: source, onList: (one) => void reports.push(one) })],
    });
    await pipe.pipeline.start();
    expect(reports).toMatchObject([{ version: '7', counts: { custom: 1 } }]);
    expect(reports[0]?.problems[0]).toBe('entry 1 holds no letter or digit');
    expect(reports[0]?.problems[1]).toMatch(/^the list is \d+ days old$/);
  });

  test('is written as text, JSON lines or CSV', () => {
    const entry = { text: 'a, "b"', category: 'c', severity: 'low', whole: false };
    expect(parseText('a\n\n#x\n! b')).toEqual([{ text: 'a' }, { text: 'b', allow: true }]);
    expect(parseJsonl(`${JSON.stringify(entry)}\n"x"`)).toEqual([entry, { text: 'x' }]);
    expect(parseCsv('text,category,severity,whole\r\n"a, ""b""",c,low,false')).toEqual([entry]);
    expect(() => parseCsv('word\na')).toThrow('no column "text"');
    expect(() => parseJsonl('{"text":"a","severity":"huge"}')).toThrow('line 1: severity');
  });

  test('may use the 31 categories of the standard', () => {
    expect(CATEGORIES).toHaveLength(31);
    expect(CATEGORIES.filter(({ leastEntries }) => leastEntries > 0)).toHaveLength(17);
  });
});
