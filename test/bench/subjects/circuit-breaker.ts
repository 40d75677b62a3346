import { circuitBreaker } from '@sluice/circuit-breaker';
import { servePipeline } from '../pipeline.ts';

/** What `circuitBreaker()` costs a call that succeeds. */
export function start(upstreamUrl: string): Promise<number> {
  return servePipeline(upstreamUrl, [circuitBreaker()]);
}
