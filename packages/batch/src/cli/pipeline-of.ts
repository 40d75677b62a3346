import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createPipeline, type Pipeline } from '@sluice/core';
import { type Command, UsageError } from './arguments.ts';

/** Makes the pipeline that the command names. */
export async function pipelineOf({ upstream, config = '' }: Command): Promise<Pipeline> {
  if (upstream !== undefined) return createPipeline({ upstream });
  const module = (await import(pathToFileURL(resolve(config)).href)) as { readonly default?: unknown };
  const { default: exported } = module;
  const pipeline: unknown = typeof exported === 'function' ? await exported() : exported;
  if (isPipeline(pipeline)) return pipeline;
  throw new UsageError(`${config} has no pipeline; write in it: export default createPipeline({ … });`);
}

function isPipeline(value: unknown): value is Pipeline {
  return (
    typeof value === 'object' &&
    value !== null &&
    'handle' in value &&
    'describe' in value &&
    'clock' in value &&
    'close' in value
  );
}
