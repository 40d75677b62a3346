import Anthropic from '@anthropic-ai/sdk';
import { fakeUpstream } from '@sluice/core/testing';
import { standardPipeline } from '@sluice/standard';
import { expect, test } from 'vitest';

test('the first five lines survive an upstream that is overloaded', async () => {
  await using upstream = await fakeUpstream();
  upstream.reply('status; status=529; retryAfterMs=1');
  const apiKey = 'sk-not-a-key';
  // #region first
  const pipeline = standardPipeline({
    upstream: upstream.url, // https://api.anthropic.com
  });
  const client = new Anthropic({ apiKey, fetch: pipeline.fetch });
  // #endregion
  const stream = client.messages.stream({
    model: 'claude-haiku-4-5',
    max_tokens: 100,
    messages: [{ role: 'user', content: 'Hello!' }],
  });
  expect(await stream.finalText()).toBe('You said: Hello!');
  expect(upstream.requests.map(({ status }) => status)).toEqual([529, 200]);
  // It was the pipeline that tried again, and not the SDK.
  expect(upstream.requests.map(({ headers }) => headers['x-stainless-retry-count'])).toEqual(['0', '0']);
  await pipeline.close();
});
