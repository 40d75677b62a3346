import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPipeline, provide, TRANSPORT } from '@sluice/core';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { batch, resultsFile } from './index.ts';
import { answerOf } from './testing/held-pipeline.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-batch-'));
  path = join(folder, 'results.jsonl');
});
afterEach(() => rm(folder, { recursive: true }));

const ITEMS = Array.from({ length: 6 }, (_, n) => ({ customId: `鹈鹕-${n}`, params: { n } }));

/** Takes what is left of the items through; returns the ids that were called. */
async function runBatch(failing: readonly number[]): Promise<number[]> {
  const called: number[] = [];
  const pipeline = createPipeline({
    upstream: 'https://upstream.test',
    services: [
      provide(TRANSPORT, () => ({
        send(request) {
          const { n } = JSON.parse(Buffer.from(request.body ?? []).toString()) as { n: number };
          called.push(n);
          return Promise.resolve(
            failing.includes(n) ? new Response('{}', { status: 400 }) : answerOf(`${n}`),
          );
        },
      })),
    ],
  });
  await using results = await resultsFile(path);
  for await (const result of batch(pipeline, ITEMS, { completed: results.completed, concurrency: 2 }))
    await results.append(result);
  await pipeline.close();
  return called.toSorted((a, b) => a - b);
}

const succeededLines = async (): Promise<{ id: string; type: string }[]> =>
  (await readFile(path, 'utf8'))
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as { custom_id: string; result: { type: string } })
    .map(({ custom_id: id, result: { type } }) => ({ id, type }));

test('killed at any byte and resumed: every item exactly once, and none that was written is called again', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.nat(5)),
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (failing, at) => {
        await rm(path, { force: true });
        await runBatch(failing);
        const bytes = await readFile(path);
        const cut = bytes.subarray(0, Math.round(at * bytes.length));
        await writeFile(path, cut);
        const written = cut
          .toString()
          .split('\n')
          .filter((line) => line.endsWith('}') && line.includes('"succeeded"') && isJson(line))
          .map((line) => Number((JSON.parse(line) as { custom_id: string }).custom_id.split('-')[1]));
        const called = await runBatch([]);
        expect(called).toEqual([0, 1, 2, 3, 4, 5].filter((n) => !written.includes(n)));
        const ids = (await succeededLines()).map(({ id, type }) => `${id} ${type}`).toSorted();
        expect(ids).toEqual(ITEMS.map(({ customId }) => `${customId} succeeded`));
        expect(await runBatch([])).toEqual([]);
      },
    ),
    { numRuns: 60 },
  );
  expect(await readdir(folder)).toEqual(['results.jsonl']);
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

test('goes on with what a provider wrote: canceled and expired items are tried again', async () => {
  const line = (id: string, type: string): string => `{"custom_id":"${id}","result":{"type":"${type}"}}\n`;
  await writeFile(
    path,
    line('a', 'succeeded') + line('b', 'expired') + line('c', 'canceled') + line('a', 'succeeded'),
  );
  await using results = await resultsFile(path);
  expect(results.completed).toEqual(new Set(['a']));
  expect(await readFile(path, 'utf8')).toBe(line('a', 'succeeded'));
});

test.each([
  '{"custom_id":"a","params":{}}\n',
  'notes',
  'x\n{"custom_id":"a","result":{"type":"succeeded"}}\n',
])('a file that is not ours is left as it is: %j', async (text) => {
  await writeFile(path, text);
  await expect(resultsFile(path)).rejects.toThrow('line 1 of ');
  expect(await readFile(path, 'utf8')).toBe(text);
  expect(await readdir(folder)).toEqual(['results.jsonl']);
});

test('without resume a file that is there is refused', async () => {
  await writeFile(path, '');
  await expect(resultsFile(path, { resume: false })).rejects.toMatchObject({ code: 'EEXIST' });
});

test('a canceled item is not written', async () => {
  const results = await resultsFile(path, { resume: false });
  const [request = { customId: '', params: {} }] = ITEMS;
  await results.append({ customId: 'a', index: 0, request, result: { type: 'canceled' } });
  await results.close();
  await results.close();
  expect(await readFile(path, 'utf8')).toBe('');
});

test('after a failed write nothing more is written', async () => {
  const [request = { customId: '', params: {} }] = ITEMS;
  const result = (message: unknown) =>
    ({
      customId: 'a',
      index: 0,
      request,
      result: { type: 'succeeded', message, usage: undefined, attempts: 1 },
    }) as const;
  const results = await resultsFile(path);
  // As after a disk error: the file can no longer be written to.
  await results.close();
  await expect(results.append(result('x'))).rejects.toThrow();
  await expect(results.append(result('y'))).rejects.toThrow();
  expect(await readFile(path, 'utf8')).toBe('');
});
