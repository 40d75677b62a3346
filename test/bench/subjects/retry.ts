import { retry } from '@sluice/retry';
import { servePipeline } from '../pipeline.ts';

/** What `retry()` costs a call that succeeds at once. */
export function start(upstreamUrl: string): Promise<number> {
  return servePipeline(upstreamUrl, [retry()]);
}
