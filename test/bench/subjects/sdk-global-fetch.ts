import { type Call, callWith } from '../sdk.ts';

/** The official SDK as it comes. */
export function client(upstreamUrl: string): Promise<Call> {
  return Promise.resolve(callWith(upstreamUrl));
}
