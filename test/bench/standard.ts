import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CacheOptions } from '@sluice/cache';
import type { Pipeline } from '@sluice/core';
import { standardPipeline } from '@sluice/standard';
import { contentRules } from './content-rules.ts';
import { redisForSubject } from './redis.ts';
import { threeEndpoints } from './three-endpoints.ts';
import { threeRules } from './three-rules.ts';

/** Nothing is small enough to be stored, and nobody shares: every call goes upstream. */
export const NOTHING_STORED: CacheOptions = { maxEntryBytes: 1, singleFlight: false };

/** So long that a store on a busy machine is waited for, and not done without. */
const STORE_TIMEOUT_MS = 5_000;

interface StandardSettings {
  /** @default NOTHING_STORED */
  readonly cache?: CacheOptions;
  /** Whether the stores are in a Redis of the subject's own. @default false */
  readonly redis?: boolean;
}

/** The standard pipeline with all seven plugins on, and memory or Redis behind them. */
export async function standard(upstreamUrl: string, settings: StandardSettings = {}): Promise<Pipeline> {
  const { cache = NOTHING_STORED, redis = false } = settings;
  return standardPipeline({
    endpoints: threeEndpoints(upstreamUrl),
    // In the run's own folder for temporary files, which goes away with it.
    audit: { directory: mkdtempSync(join(tmpdir(), 'audit-')) },
    moderation: contentRules,
    cache: { ...cache, storeTimeoutMs: STORE_TIMEOUT_MS },
    rateLimit: { rules: threeRules, storeTimeoutMs: STORE_TIMEOUT_MS },
    ...(redis ? { redis: await redisForSubject() } : {}),
  });
}
