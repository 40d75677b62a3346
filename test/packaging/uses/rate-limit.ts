// What the packaging check runs in a folder that has nothing but the tarballs of core and of this plugin.
import { createPipeline } from '@sluice/core';
import { rateLimit, type RateLimitOptions } from '@sluice/rate-limit';

const options: RateLimitOptions = {
  rules: [{ name: 'rpm', of: 'requests', limit: 60, windowMs: 60_000 }],
};
await using pipeline = createPipeline({
  upstream: 'https://api.anthropic.com',
  plugins: [rateLimit(options)],
});

const plugins: readonly string[] = pipeline.describe().plugins.map(({ name }) => name);
if (plugins.join() !== 'rate-limit') throw new Error(`the pipeline has ${plugins.join()}`);
