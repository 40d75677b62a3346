import { servePipeline } from '../pipeline.ts';

/** What Sluice itself costs. */
export function start(upstreamUrl: string): Promise<number> {
  return servePipeline(upstreamUrl, []);
}
