// A Koa app that has a life of its own, with a pipeline mounted under /claude. With --exit it ends after its own calls.
import Anthropic from '@anthropic-ai/sdk';
import { mount } from '@sluice/adapters/koa';
import { standardPipeline } from '@sluice/standard';
import Koa from 'koa';
import { interrupted, listen } from './support/server.ts';
import { claudeOrFake } from './support/upstream.ts';

await using upstream = await claudeOrFake();

// #region mount
const pipeline = standardPipeline({ upstream: upstream.url }); // https://api.anthropic.com
const app = new Koa();
app.use(mount(pipeline, { basePath: '/claude' }));
// #endregion

// What does not lie below /claude comes here, as if there were no pipeline.
app.use((ctx) => {
  ctx.body = 'Everything else is yours.\n';
});

await using server = await listen(app.callback());
const client = new Anthropic({ baseURL: `${server.url}/claude`, apiKey: upstream.apiKey, authToken: null });
const stream = client.messages.stream({
  model: 'claude-haiku-4-5',
  max_tokens: 100,
  messages: [{ role: 'user', content: 'Hello, Koa!' }],
});
stream.on('text', (text) => process.stdout.write(text));
await stream.done();
console.log(`\n${await (await fetch(server.url)).text()}`);

if (!process.argv.includes('--exit')) {
  console.log(`Listening on ${server.url}/claude; Ctrl+C ends it.`);
  await interrupted();
}
await pipeline.close(5_000);
