import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LinesEnd } from './line-reader.ts';
import { readLineStarts } from './line-starts.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-line-starts-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function startsOf(
  text: string,
  until = Infinity,
): Promise<{ readonly seen: unknown[]; readonly end: LinesEnd }> {
  const path = join(folder, 'lines');
  await writeFile(path, text);
  const file = await open(path, 'r');
  const seen: unknown[] = [];
  const end = await readLineStarts(file, (start, offset, next) => {
    if (seen.length >= until) return false;
    seen.push([start.toString('latin1'), offset, next]);
    return undefined;
  }).finally(() => file.close());
  return { seen, end };
}

test('the beginning of each line is shown, with where it and the next one begin', async () => {
  expect(await startsOf('one\n\nthree\nrest')).toEqual({
    seen: [
      ['one', 0, 4],
      ['', 4, 5],
      ['three', 5, 11],
    ],
    end: { offset: 11, torn: 4 },
  });
  expect(await startsOf('')).toEqual({ seen: [], end: { offset: 0, torn: 0 } });
});

test('of a line that is longer than what is read at once, no more is kept', async () => {
  const long = 'x'.repeat(3 << 20);
  const { seen, end } = await startsOf(`${long}\nnext\n`);
  const next = long.length + 1;
  expect(seen).toEqual([
    ['x'.repeat(128), 0, next],
    ['next', next, next + 5],
  ]);
  expect(end).toEqual({ offset: next + 5, torn: 0 });
});

test('who has seen enough is told where to go on', async () => {
  expect(await startsOf('one\ntwo\nthree\n', 1)).toEqual({
    seen: [['one', 0, 4]],
    end: { offset: 4, torn: 0 },
  });
});
