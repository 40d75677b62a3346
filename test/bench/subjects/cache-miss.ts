import { cache } from '@sluice/cache';
import { servePipeline } from '../pipeline.ts';

/** What `cache()` adds to a call that has to go upstream: nothing is small enough to be stored, and nobody shares. */
export function start(upstreamUrl: string): Promise<number> {
  return servePipeline(upstreamUrl, [cache({ maxEntryBytes: 1, singleFlight: false })]);
}
