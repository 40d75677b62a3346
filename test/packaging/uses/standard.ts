// What the packaging check runs in a folder that has nothing but the tarballs of core, of this package and of the plugins.
import { standardPipeline, type StandardOptions } from '@sluice/standard';

const options: StandardOptions = {
  upstream: 'https://api.anthropic.com',
  labels: true,
  moderation: { detectors: ['email'] },
  cache: true,
  rateLimit: { rules: [{ name: 'rpm', of: 'requests', limit: 60, windowMs: 60_000 }] },
};
await using pipeline = standardPipeline(options);

const plugins: readonly string[] = pipeline.describe().plugins.map(({ name }) => name);
if (plugins.join() !== 'labels,moderation,cache,rate-limit,retry,circuit-breaker') {
  throw new Error(`the pipeline has ${plugins.join()}`);
}
