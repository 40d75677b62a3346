import { serveThrough } from '../pipeline.ts';
import { standard } from '../standard.ts';

/** What a call costs that the standard pipeline answers from memory: audited, moderated, and all but the first a hit. */
export async function start(upstreamUrl: string): Promise<number> {
  return serveThrough(await standard(upstreamUrl, { cache: { statusHeaders: true } }));
}
