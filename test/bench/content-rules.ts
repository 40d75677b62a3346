import type { ModerationOptions } from '@sluice/moderation';

/** 10,000 words, Chinese and English, none of which the answers hold, and six detectors. */
export const contentRules: ModerationOptions = {
  words: Array.from({ length: 10_000 }, (_, i) => ({
    text:
      i % 2 === 0
        ? `zq${i.toString(36)}x${(i * 7_919).toString(36)}`
        : String.fromCharCode(0x4e00 + (i % 3_000), 0x4e00 + ((i * 31) % 3_000), 0x4e00 + ((i * 7) % 3_000)),
  })),
  detectors: ['email', 'cn-mobile', 'cn-id', 'bank-card', 'ip', 'secret'],
};
