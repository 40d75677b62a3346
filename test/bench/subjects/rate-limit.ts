import { rateLimit } from '@sluice/rate-limit';
import { servePipeline } from '../pipeline.ts';
import { threeRules } from '../three-rules.ts';

/** What a limiter with three rules costs a call that it admits, counted in memory. */
export function start(upstreamUrl: string): Promise<number> {
  return servePipeline(upstreamUrl, [rateLimit({ rules: threeRules })]);
}
