import { circuitBreaker } from '@sluice/circuit-breaker';
import { regionRouting } from '@sluice/region-routing';
import { retry } from '@sluice/retry';
import { servePipeline } from '../pipeline.ts';
import { threeEndpoints } from '../three-endpoints.ts';

/** What the three cost together: retry, three endpoints that are all the one upstream, and a circuit for each. */
export function start(upstreamUrl: string): Promise<number> {
  const routing = regionRouting({ endpoints: threeEndpoints(upstreamUrl) });
  return servePipeline(upstreamUrl, [retry(), routing, circuitBreaker()]);
}
