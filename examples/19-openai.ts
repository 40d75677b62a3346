// The same pipeline in front of OpenAI's API, or of any server that speaks its format: chat completions and responses.
import assert from 'node:assert/strict';
import { standardPipeline } from '@sluice/standard';
import OpenAI from 'openai';
import { openaiOrFake } from './support/upstream.ts';

await using upstream = await openaiOrFake();
const { apiKey } = upstream;
const model = process.env['OPENAI_MODEL'] ?? 'gpt-5.4-mini';

// #region openai
const pipeline = standardPipeline({
  upstream: upstream.url, // https://api.openai.com
});
const client = new OpenAI({ apiKey, fetch: pipeline.fetch, maxRetries: 0 });
// #endregion

upstream.fake?.reply('error-event; status=503'); // A 200 that fails before its first content: retried, unseen.
const chunks = await client.chat.completions.create({
  model,
  messages: [{ role: 'user', content: 'Say hello, chunk by chunk.' }],
  stream: true,
  stream_options: { include_usage: true }, // Else the provider does not tell what a stream has cost.
});
for await (const { choices, usage } of chunks) {
  process.stdout.write(choices[0]?.delta.content ?? '');
  if (usage) console.log(` (${usage.total_tokens} tokens)`);
}

const events = await client.responses.create({ model, input: 'Say hello, event by event.', stream: true });
let last = '';
for await (const event of events) {
  last = event.type;
  if (event.type === 'response.output_text.delta') process.stdout.write(event.delta);
}
console.log();
assert.equal(last, 'response.completed');

const answer = await client.responses.create({ model, input: 'And all at once.' });
console.log(answer.output_text);
// Four attempts for three calls.
if (upstream.fake) assert.equal(upstream.fake.requests.length, 4);
await pipeline.close();
