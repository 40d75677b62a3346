import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Pipeline } from '@sluice/core';
import { batch } from '../batch.ts';
import { readRequests } from '../read-requests.ts';
import type { BatchResult } from '../result.ts';
import { resultLine } from '../result-line.ts';
import { resultsFile } from '../results-file.ts';
import { type Command, readArguments, USAGE, UsageError } from './arguments.ts';
import { checkInput } from './check-input.ts';
import { headersOf } from './headers-of.ts';
import { pipelineOf } from './pipeline-of.ts';
import { ProgressLine } from './progress-line.ts';

/** What a run of the program has from outside. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: AsyncIterable<Uint8Array | string>;
  /** Standard output. Resolves once the text was taken. */
  readonly out: (text: string) => Promise<void>;
  /** Standard error: progress and complaints. */
  readonly err: (text: string) => void;
  /** Whether somebody is looking at standard error. */
  readonly watched: boolean;
  /** Aborts the run; its reason is the exit code. */
  readonly signal: AbortSignal;
}

/** Where results go. */
interface Output extends AsyncDisposable {
  readonly completed: ReadonlySet<string>;
  append(result: BatchResult): Promise<void>;
}

const COULD_NOT = 2;

/** Runs the program. Returns its exit code. */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const { out, err, signal } = surroundings;
  try {
    const command = readArguments(args);
    if (command.help) {
      await out(`${USAGE}\n`);
      return 0;
    }
    const { input } = command;
    // What is no file, such as a pipe, can be read once: like standard input, as it comes.
    const total =
      input !== undefined && (await stat(input)).isFile() ? await checkInput(input, signal) : undefined;
    // Not `await using`, which Node 22 does not know: this file also runs as it is, from its source.
    const pipeline = await pipelineOf(command);
    try {
      await pipeline.start();
      const output = await outputOf(command, out);
      try {
        return (await takeThrough(pipeline, command, total, output, surroundings)) ? 0 : 1;
      } finally {
        await output[Symbol.asyncDispose]();
      }
    } finally {
      await pipeline[Symbol.asyncDispose]();
    }
  } catch (error) {
    if (signal.aborted) return Number(signal.reason);
    err(`sluice-batch: ${error instanceof Error ? error.message : String(error)}\n`);
    if (error instanceof UsageError) err(`\n${USAGE}\n`);
    return COULD_NOT;
  }
}

/** Returns whether no item failed. */
async function takeThrough(
  pipeline: Pipeline,
  { input, concurrency, ordered, stopOnError, headers }: Command,
  total: number | undefined,
  output: Output,
  { env, stdin, err, watched, signal }: Surroundings,
): Promise<boolean> {
  const progress = new ProgressLine(pipeline.clock, err, watched);
  const results = batch(pipeline, readRequests(input === undefined ? stdin : createReadStream(input)), {
    ...(concurrency !== undefined && { concurrency }),
    ...(total !== undefined && { total }),
    ordered,
    stopOnError,
    completed: output.completed,
    headers: headersOf(headers, env, pipeline.describe().upstream),
    onProgress: progress.show,
    signal,
  });
  let ok = true;
  try {
    for await (const result of results) {
      await output.append(result);
      ok &&= result.result.type === 'succeeded';
    }
  } finally {
    progress.end();
  }
  return ok;
}

async function outputOf({ output, resume }: Command, out: Surroundings['out']): Promise<Output> {
  if (output === undefined)
    return {
      completed: new Set(),
      append: async (result) => {
        // As in a file: a canceled item is as if it had not been read.
        if (result.result.type !== 'canceled') await out(resultLine(result));
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  try {
    return await resultsFile(output, { resume });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new UsageError(`${output} is there already; go on with it by --resume, or name another file.`);
  }
}
