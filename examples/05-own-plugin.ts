// A plugin of one's own that watches the stream, and how to test it: without a socket, without waiting.
import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import { CLOCK, createPipeline, definePlugin, observeStream, type Plugin } from '@sluice/core';
import { anthropicStream, streamAnswer, testPipeline } from '@sluice/core/testing';
import { retry } from '@sluice/retry';
import { claudeOrFake } from './support/upstream.ts';

// #region plugin
/** Measures what users feel: the time from the request to the first content of a streamed answer. */
const firstWord = (report: (waitedMs: number) => void): Plugin =>
  definePlugin({
    name: 'first-word',
    needs: { clock: CLOCK },
    // Should it fail itself, the call goes on without it.
    onError: 'open',
    create: (_, { clock }) => ({
      async handle(request, next, ctx) {
        const startedAt = clock.now();
        let seen = false;
        return observeStream(await next(request), {
          event(event) {
            // The format knows what content is, in each provider's dialect.
            if (seen || ctx.format?.kind(event) !== 'content') return;
            seen = true;
            report(clock.now() - startedAt);
          },
        });
      },
    }),
  })();
// #endregion

// #region test
// A clock that stands still until the test moves it, and an upstream that answers by its script.
const waits: number[] = [];
await using test = testPipeline({
  plugins: [firstWord((waitedMs) => waits.push(waitedMs)), retry()],
  answers: [
    new Response('{}', { status: 529, headers: { 'retry-after': '20' } }),
    streamAnswer(anthropicStream({ text: 'One two three' })),
  ],
});
const text = test.post({ stream: true }).then((response) => response.text());
await test.clock.advance(60_000);

assert.match(await text, /event: message_stop/);
assert.equal(test.transport.requests.length, 2);
assert.equal(waits.length, 1);
// The upstream asked for 20 seconds: the plugin stands outside retry, and so the wait counts.
assert.ok((waits[0] ?? 0) >= 20_000);
// #endregion
console.log(`Tested: ${waits[0]} ms, of a clock for which nobody had to wait.`);

// And in earnest.
await using upstream = await claudeOrFake();
const report = (waitedMs: number): void => console.log(`First word after ${Math.round(waitedMs)} ms.`);
const pipeline = createPipeline({ upstream: upstream.url, plugins: [firstWord(report), retry()] });
const client = new Anthropic({ apiKey: upstream.apiKey, fetch: pipeline.fetch });
const stream = client.messages.stream({
  model: 'claude-haiku-4-5',
  max_tokens: 100,
  messages: [{ role: 'user', content: 'Hello!' }],
});
console.log(await stream.finalText());
await pipeline.close();
