// Where requests and responses are the web's own: Hono, Next.js, serverless functions. No framework is needed to try it.
import Anthropic from '@anthropic-ai/sdk';
import { mount } from '@sluice/adapters/web';
import { createPipeline } from '@sluice/core';
import { retry } from '@sluice/retry';
import { claudeOrFake } from './support/upstream.ts';

await using upstream = await claudeOrFake();
const pipeline = createPipeline({ upstream: upstream.url, plugins: [retry()] });

// #region mount
/**
 * In Hono:    app.all('/claude/*', (c) => handler(c.req.raw))
 * In Next.js: export { handler as POST }, in app/claude/[...path]/route.ts
 */
const handler = mount(pipeline, { basePath: '/claude' });
// #endregion

// A framework would pass on what a socket brought; the SDK can hand it over without one.
const client = new Anthropic({
  baseURL: 'http://app.test/claude',
  apiKey: upstream.apiKey,
  fetch: (url, init) => handler(new Request(url, init)),
});
const stream = client.messages.stream({
  model: 'claude-haiku-4-5',
  max_tokens: 100,
  messages: [{ role: 'user', content: 'Hello, Request and Response!' }],
});
stream.on('text', (text) => process.stdout.write(text));
await stream.done();
console.log();
await pipeline.close();
