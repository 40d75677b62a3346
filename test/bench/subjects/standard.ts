import { serveThrough } from '../pipeline.ts';
import { standard } from '../standard.ts';

/** What the standard pipeline costs with all seven plugins on, and all that they keep in memory. */
export async function start(upstreamUrl: string): Promise<number> {
  return serveThrough(await standard(upstreamUrl));
}
