import { regionRouting } from '@sluice/region-routing';
import { servePipeline } from '../pipeline.ts';
import { threeEndpoints } from '../three-endpoints.ts';

/** What `regionRouting()` costs a call that succeeds at once: three endpoints, all of them the one upstream. */
export function start(upstreamUrl: string): Promise<number> {
  return servePipeline(upstreamUrl, [regionRouting({ endpoints: threeEndpoints(upstreamUrl) })]);
}
