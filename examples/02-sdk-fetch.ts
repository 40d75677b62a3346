// The shortest way in: a pipeline as the `fetch` of the official SDK, without any server.
import Anthropic from '@anthropic-ai/sdk';
import { createPipeline } from '@sluice/core';
import { retry } from '@sluice/retry';
import { claudeOrFake } from './support/upstream.ts';

await using upstream = await claudeOrFake();
const { apiKey } = upstream;

// #region fetch
const pipeline = createPipeline({
  upstream: upstream.url, // https://api.anthropic.com
  plugins: [retry()],
});
const client = new Anthropic({ apiKey, fetch: pipeline.fetch, maxRetries: 0 });
// #endregion

upstream.fake?.reply('status; status=529'); // Nobody will notice.
const stream = client.messages.stream({
  model: 'claude-haiku-4-5',
  max_tokens: 100,
  messages: [{ role: 'user', content: 'Say hello, word by word.' }],
});
for await (const event of stream) {
  if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') {
    process.stdout.write(event.delta.text);
  }
}
console.log();
await pipeline.close();
