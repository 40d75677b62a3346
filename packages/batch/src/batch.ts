import { BatchRun } from './batch-run.ts';
import type { CallablePipeline } from './call-item.ts';
import { type BatchOptions, batchSettings } from './options.ts';
import type { BatchRequest } from './request.ts';
import type { BatchResults } from './result.ts';
import type { Requests } from './source.ts';

/**
 * Takes many requests through a pipeline, some at a time. Nothing is read and nothing is called before the first result is
 * asked for, nor faster than results are taken.
 *
 * An item that fails is a result like any other. The iteration itself throws, after the results of all calls that had
 * begun: what `requests` throws, a `TypeError` for an item that is none or has the id of another, the reason of
 * `signal`, a `PipelineError` `shutting_down` when the pipeline is closed meanwhile.
 *
 * @param pipeline Made by `createPipeline`. It stays open.
 * @param requests An array, a generator, a stream: it may be endless.
 * @throws TypeError When an option is unknown or impossible.
 */
export function batch<R extends BatchRequest>(
  pipeline: CallablePipeline,
  requests: Requests<R>,
  options: BatchOptions<R> = {},
): BatchResults<R> {
  const settings = batchSettings(options);
  const total = settings.total ?? (Array.isArray(requests) ? requests.length : undefined);
  return new BatchRun(pipeline, requests, { ...settings, total });
}
