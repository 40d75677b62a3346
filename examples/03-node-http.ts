// A node:http server without a framework. With --exit it ends after its own first call, else it goes on listening.
import Anthropic from '@anthropic-ai/sdk';
import { mount } from '@sluice/adapters/node';
import { createPipeline } from '@sluice/core';
import { retry } from '@sluice/retry';
import { interrupted, listen } from './support/server.ts';
import { claudeOrFake } from './support/upstream.ts';

await using upstream = await claudeOrFake();
const pipeline = createPipeline({ upstream: upstream.url, plugins: [retry()] });

// #region mount
const claude = mount(pipeline, { basePath: '/claude' });

await using server = await listen(async (req, res) => {
  // False: the request does not lie below /claude, and nothing has been written.
  if (await claude(req, res)) return;
  res.end('Everything else is yours.\n');
});
// #endregion

const client = new Anthropic({ baseURL: `${server.url}/claude`, apiKey: upstream.apiKey });
const message = await client.messages.create({
  model: 'claude-haiku-4-5',
  max_tokens: 100,
  messages: [{ role: 'user', content: 'Hello, node:http!' }],
});
console.log(message.content.map((block) => (block.type === 'text' ? block.text : '')).join(''));
console.log(await (await fetch(server.url)).text());

if (!process.argv.includes('--exit')) {
  console.log(`Listening on ${server.url}/claude; Ctrl+C ends it.`);
  await interrupted();
}
await pipeline.close();
