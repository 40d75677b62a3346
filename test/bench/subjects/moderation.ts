import { moderation, type ModerationOptions } from '@sluice/moderation';
import { servePipeline } from '../pipeline.ts';

/** A list of 10,000 words, Chinese and English, none of which the answers hold. */
const WORDS = Array.from({ length: 10_000 }, (_, i) => ({
  text:
    i % 2 === 0
      ? `zq${i.toString(36)}x${(i * 7_919).toString(36)}`
      : String.fromCharCode(0x4e00 + (i % 3_000), 0x4e00 + ((i * 31) % 3_000), 0x4e00 + ((i * 7) % 3_000)),
}));

/** 10,000 words and all detectors. */
export const OPTIONS: ModerationOptions = {
  words: WORDS,
  detectors: ['email', 'cn-mobile', 'cn-id', 'bank-card', 'ip', 'secret'],
};

/** What `moderation()` costs: every text in and out, every event of a stream. */
export function start(upstreamUrl: string): Promise<number> {
  return servePipeline(upstreamUrl, [moderation(OPTIONS)]);
}
