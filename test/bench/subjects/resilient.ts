import { circuitBreaker } from '@sluice/circuit-breaker';
import { regionRouting } from '@sluice/region-routing';
import { retry } from '@sluice/retry';
import { servePipeline } from '../pipeline.ts';

/** What the three cost together: retry, three endpoints that are all the one upstream, and a circuit for each. */
export function start(upstreamUrl: string): Promise<number> {
  const endpoints = ['eu', 'us', 'jp'].map((id) => ({
    id,
    region: id,
    url: upstreamUrl,
    credential: { header: 'x-api-key', value: `key-of-${id}` },
  }));
  return servePipeline(upstreamUrl, [retry(), regionRouting({ endpoints }), circuitBreaker()]);
}
