import { type Call, callWith } from '../sdk.ts';
import { standard } from '../standard.ts';

/** The official SDK with the standard pipeline as its `fetch`, all seven plugins on. */
export async function client(upstreamUrl: string): Promise<Call> {
  const pipeline = await standard(upstreamUrl);
  return callWith(upstreamUrl, pipeline.fetch);
}
