// What the packaging check runs in a folder that has nothing but the tarballs of core and of this plugin.
import { createPipeline } from '@sluice/core';
import { labels, type LabelsOptions } from '@sluice/labels';

const options: LabelsOptions = { implicit: { contentProducer: 'example' } };
await using pipeline = createPipeline({ upstream: 'https://api.anthropic.com', plugins: [labels(options)] });

const plugins: readonly string[] = pipeline.describe().plugins.map(({ name }) => name);
if (plugins.join() !== 'labels') throw new Error(`the pipeline has ${plugins.join()}`);
