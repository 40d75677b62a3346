import { cache } from '@sluice/cache';
import { servePipeline } from '../pipeline.ts';

/** What a call costs that is answered from memory: all but the first are. */
export function start(upstreamUrl: string): Promise<number> {
  return servePipeline(upstreamUrl, [cache({ statusHeaders: true })]);
}
