import { Worker } from 'node:worker_threads';
import { compileWords } from './compile.ts';
import type { CompiledWords, WordEntry } from './entry.ts';

/** Lists up to this size are built where they are: it takes less than half a second. */
const SMALL_LIST = 10_000;

/** Builds a list, a large one in a thread of its own so that calls in progress do not wait for it. */
export function buildWords(entries: readonly WordEntry[]): Promise<CompiledWords> {
  if (entries.length <= SMALL_LIST) return Promise.resolve(compileWords(entries));
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./build-worker.${extension}`, import.meta.url), {
    workerData: entries,
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
  });
  worker.unref();
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => {
      reject(new Error(`the thread that builds the word list ended with ${code}`));
    });
  });
}
