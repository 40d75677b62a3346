// What the packaging check runs in a folder that has nothing but the tarballs of core and of this plugin.
import { createPipeline } from '@sluice/core';
import { retry, type RetryOptions } from '@sluice/retry';

const options: RetryOptions = { maxRetries: 1 };
await using pipeline = createPipeline({ upstream: 'https://api.anthropic.com', plugins: [retry(options)] });

const plugins: readonly string[] = pipeline.describe().plugins.map(({ name }) => name);
if (plugins.join() !== 'retry') throw new Error(`the pipeline has ${plugins.join()}`);
