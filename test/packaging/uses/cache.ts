// What the packaging check runs in a folder that has nothing but the tarballs of core and of this plugin.
import { cache, type CacheOptions, memoryCacheStore } from '@sluice/cache';
import { cacheStoreCases } from '@sluice/cache/testing';
import { createPipeline } from '@sluice/core';

const options: CacheOptions = { ttlMs: 60_000 };
await using pipeline = createPipeline({ upstream: 'https://api.anthropic.com', plugins: [cache(options)] });

const plugins: readonly string[] = pipeline.describe().plugins.map(({ name }) => name);
if (plugins.join() !== 'cache') throw new Error(`the pipeline has ${plugins.join()}`);

const cases = cacheStoreCases({ make: () => memoryCacheStore(), pass: () => Promise.resolve() });
for (const { run } of cases) await run();
