import { moderation } from '@sluice/moderation';
import { contentRules } from '../content-rules.ts';
import { servePipeline } from '../pipeline.ts';

/** What `moderation()` costs with 10,000 words and all detectors: every text in and out, every event of a stream. */
export function start(upstreamUrl: string): Promise<number> {
  return servePipeline(upstreamUrl, [moderation(contentRules)]);
}
