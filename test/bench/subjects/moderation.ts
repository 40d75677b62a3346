import { moderation } from '@sluice/moderation';
import { servePipeline } from '../pipeline.ts';

/** A list of 10,000 words, Chinese and English, none of which the answers hold. */
const WORDS = Array.from({ length: 10_000 }, (_, i) => ({
  text:
    i % 2 === 0
      ? `zq${i.toString(36)}x${(i * 7_919).toString(36)}`
      : String.fromCharCode(0x4e00 + (i % 3_000), 0x4e00 + ((i * 31) % 3_000), 0x4e00 + ((i * 7) % 3_000)),
}));

/** What `moderation()` costs with 10,000 words and all detectors: every text in and out, every event of a stream. */
export function start(upstreamUrl: string): Promise<number> {
  const detectors = ['email', 'cn-mobile', 'cn-id', 'bank-card', 'ip', 'secret'] as const;
  return servePipeline(upstreamUrl, [moderation({ words: WORDS, detectors })]);
}
