// A batch of requests through a pipeline, broken off in the middle and taken up again.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { batch, resultsFile } from '@sluice/batch';
import { createPipeline } from '@sluice/core';
import { retry } from '@sluice/retry';
import { claudeOrFake } from './support/upstream.ts';

await using upstream = await claudeOrFake();
const folder = await mkdtemp(join(tmpdir(), 'sluice-batch-'));
const path = join(folder, 'results.jsonl');

// One in four fails the first time: the pipeline tries again, and the batch does not notice.
upstream.fake?.script((_, n) => (n % 4 === 0 ? 'status; status=529' : undefined));

// #region pipeline
const pipeline = createPipeline({ upstream: upstream.url, plugins: [retry({ throttledDelayMs: 200 })] });
// #endregion

// #region requests
/** Read no faster than results are taken: a cursor of a database will do as well, or an endless queue. */
function* requests() {
  for (const city of ['Berlin', 'Kyoto', 'Lima', '成都', 'Nairobi', 'Oslo', 'Quito', 'Turin'])
    yield {
      customId: city,
      params: {
        model: 'claude-haiku-4-5',
        max_tokens: 100,
        messages: [{ role: 'user', content: `One sentence about ${city}.` }],
      },
    };
}
// #endregion

/** Takes through what is left, and breaks off after some. */
async function runBatch(most: number): Promise<void> {
  // #region batch
  await using results = await resultsFile(path); // What an earlier run has written is kept.
  const options = {
    concurrency: 2,
    completed: results.completed,
    headers: { 'x-api-key': upstream.apiKey },
  };
  let taken = 0;
  for await (const item of batch(pipeline, requests(), options)) {
    await results.append(item);
    const { customId, result } = item;
    console.log(`${customId}: ${result.type}${result.type === 'errored' ? ` ${result.status}` : ''}`);
    if (++taken === most) break; // Calls in progress are aborted; a later run makes them again.
  }
  // #endregion
}

console.log('The first run is broken off after three.');
await runBatch(3);
console.log('The second run does the rest.');
await runBatch(Infinity);

const lines = (await readFile(path, 'utf8')).trim().split('\n');
const ids = lines.map((line) => (JSON.parse(line) as { custom_id: string }).custom_id);
assert.deepEqual(ids.toSorted(), Array.from(requests(), ({ customId }) => customId).toSorted());
console.log(`${ids.length} results, each once.`);

await pipeline.close();
await rm(folder, { recursive: true });
