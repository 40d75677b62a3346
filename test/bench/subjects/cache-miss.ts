import { cache } from '@sluice/cache';
import { servePipeline } from '../pipeline.ts';
import { NOTHING_STORED } from '../standard.ts';

/** What `cache()` adds to a call that has to go upstream: nothing is small enough to be stored, and nobody shares. */
export function start(upstreamUrl: string): Promise<number> {
  return servePipeline(upstreamUrl, [cache(NOTHING_STORED)]);
}
