// What the packaging check runs in a folder that has nothing but the tarballs of core and of this plugin.
import { createPipeline } from '@sluice/core';
import { moderation, type ModerationOptions } from '@sluice/moderation';

const entries = Array.from({ length: 10_001 }, (_, i) => ({ text: `word${i.toString(36)}x` }));
// Large enough for the thread that builds lists, which is a file of its own in the package.
const options: ModerationOptions = {
  words: { load: () => Promise.resolve({ entries }) },
  detectors: ['email'],
};
await using pipeline = createPipeline({
  upstream: 'https://api.anthropic.com',
  plugins: [moderation(options)],
});
await pipeline.start();

const response = await pipeline.fetch('https://api.anthropic.com/v1/messages', {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ model: 'm', max_tokens: 1, messages: [{ role: 'user', content: 'wordax' }] }),
});
if (response.status !== 400) throw new Error(`the word was answered with ${response.status}`);
