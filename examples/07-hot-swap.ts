// Replaces a pipeline while a call is in progress: the call finishes on the old one, new calls go to the new one.
import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import { createPipeline, hotSwap } from '@sluice/core';
import { fakeUpstream } from '@sluice/core/testing';
import { retry } from '@sluice/retry';

await using before = await fakeUpstream({ tokenDelayMs: 30 });
await using after = await fakeUpstream();

// #region swap
// Mount `pipeline`, or use its `fetch`; what it is made of may change.
const pipeline = hotSwap(createPipeline({ upstream: before.url, plugins: [retry()] }));
const client = new Anthropic({ apiKey: 'not-a-key', fetch: pipeline.fetch });
const ask = (content: string) =>
  client.messages.stream({ model: 'any', max_tokens: 100, messages: [{ role: 'user', content }] });

const underWay = ask('Please take your time with this one, it has to outlast the swap.');
await underWay.emitted('text');

// A pipeline that cannot start is thrown back here, and the old one stays.
const swapped = pipeline.swap(createPipeline({ upstream: after.url, plugins: [retry({ maxRetries: 5 })] }));
console.log(await ask('Who answers now?').finalText());
console.log(await underWay.finalText());
await swapped; // The old pipeline has been closed.
// #endregion

assert.deepEqual([before.requests.length, after.requests.length], [1, 1]);
console.log('One call each, and none was cut.');
await pipeline.close();
