import { serveThrough } from '../pipeline.ts';
import { standard } from '../standard.ts';

/** The same with its stores in a Redis on this machine. */
export async function start(upstreamUrl: string): Promise<number> {
  return serveThrough(await standard(upstreamUrl, { redis: true }));
}
