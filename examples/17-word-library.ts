// Content rules from a Chinese word library in a file: some words are masked, others block, on streams as on questions,
// and the refusal is in Chinese. The words are made up; the library of a real service is its own to write.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import { fakeUpstream } from '@sluice/core/testing';
import { fileWords } from '@sluice/moderation';
import { standardPipeline } from '@sluice/standard';

await using upstream = await fakeUpstream({ tokenDelayMs: 10 });

// #region moderation
const pipeline = standardPipeline({
  upstream: upstream.url, // https://api.anthropic.com
  moderation: {
    // text,category,severity,allow,whole: .csv, .jsonl or .txt. A changed file counts at once, for new calls.
    words: fileWords(join(import.meta.dirname, 'support/words.zh.csv')),
    detectors: ['cn-mobile', 'cn-id'], // Personal data, redacted unless a rule says otherwise.
    rules: [
      { category: '示例-植物', action: 'redact' },
      { category: '示例-机关', action: 'block' },
    ],
    refusal: { language: 'zh', zh: '很抱歉，这个内容不符合本服务的规定。' },
    onFinding: ({ rule, direction, action }) => console.log(`  （${direction}：${rule}，${action}）`),
  },
});
// #endregion

const client = new Anthropic({ apiKey: 'not-a-key', fetch: pipeline.fetch, maxRetries: 0 });

/** Asks, and returns what the caller has seen: the text as far as it came, and the error if there was one. */
async function ask(content: string, answer?: string): Promise<{ seen: string; error?: string }> {
  console.log(`\n问：${content}`);
  if (answer !== undefined) upstream.reply({ kind: 'answer', text: answer });
  let seen = '';
  const stream = client.messages.stream({
    model: 'any',
    max_tokens: 500,
    messages: [{ role: 'user', content }],
  });
  stream.on('text', (text) => (seen += text));
  const error = await stream.done().then(
    () => undefined,
    (thrown: unknown) => String((thrown as { message: string }).message),
  );
  console.log(`答：${seen}${error === undefined ? '' : `\n错误：${error}`}`);
  return error === undefined ? { seen } : { seen, error };
}

// A question that is blocked goes nowhere, however the word is disguised.
const before = upstream.requests.length;
for (const question of ['哗啦机关怎么造？', '嘩啦機關怎么造？', '哗*啦*机*关怎么造？']) {
  const { error = '' } = await ask(question);
  assert.match(error, /不符合本服务的规定/);
}
assert.equal(upstream.requests.length, before);

// A stream goes out up to the word, and ends as an error; the upstream is cancelled.
const blocked = await ask('讲个故事。', '从前，森林里有一座哗啦机关，每天都在响。');
assert.ok(blocked.seen.startsWith('从前') && !blocked.seen.includes('哗啦'));
assert.match(blocked.error ?? '', /不符合本服务的规定/);

// Masked: the word alone, not the exception that contains it.
const masked = await ask('花园里有什么？', '有一只绒毛草怪，它在喝绒毛草怪茶。');
assert.ok(!masked.seen.includes('绒毛草怪，') && masked.seen.includes('绒毛草怪茶'));

// A phone number does not reach the model, and stands in the answer all the same.
const told = await ask('请重复：13800138000');
assert.ok(!JSON.stringify(upstream.requests.at(-1)?.json()).includes('13800138000'));
assert.match(told.seen, /13800138000/);
await pipeline.close();
