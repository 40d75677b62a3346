// From a hand-written loop to a pipeline, one step at a time: docs/from-a-hand-written-loop.md goes through it. Every version
// is put to the same test: a busy provider, the same question twice, a banned word plain and in disguise, a wrong request.
import assert from 'node:assert/strict';
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Anthropic from '@anthropic-ai/sdk';
import { audit } from '@sluice/audit';
import { cache } from '@sluice/cache';
import { createPipeline, type Pipeline, type Plugin } from '@sluice/core';
import { fakeUpstream } from '@sluice/core/testing';
import { moderation } from '@sluice/moderation';
import { retry } from '@sluice/retry';
import { logDirectory } from './support/log-directory.ts';
import { printTable } from './support/table.ts';

await using upstream = await fakeUpstream();
await using log = await logDirectory();
const apiKey = 'not-a-key';
const logFile = join(log.path, 'calls.log');

/** The question as a request, in every version. */
const asked = (content: string): Anthropic.MessageCreateParamsNonStreaming => ({
  model: 'claude-haiku-4-5',
  max_tokens: 100,
  messages: [{ role: 'user', content }],
});
const textOf = ({ content }: Anthropic.Message): string =>
  content.map((block) => (block.type === 'text' ? block.text : '')).join('');

function byHand(client: Anthropic) {
  // #region before
  const answers = new Map<string, string>();
  const BANNED = ['grumblewort'];

  async function ask(question: string): Promise<string> {
    if (BANNED.some((word) => question.includes(word))) throw new Error('banned');
    const known = answers.get(question);
    if (known !== undefined) return known;
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = textOf(await client.messages.create(asked(question)));
        if (BANNED.some((word) => answer.includes(word))) throw new Error('banned');
        answers.set(question, answer);
        await appendFile(logFile, `${new Date().toISOString()} ok ${attempt}\n`);
        return answer;
      } catch (error) {
        await appendFile(logFile, `${new Date().toISOString()} failed ${attempt}\n`);
        if (attempt === 3) throw error;
        await sleep(100 * attempt);
      }
    }
  }
  // #endregion
  return ask;
}

// #region step-0
const pipeline = (...plugins: Plugin[]) => createPipeline({ upstream: upstream.url, plugins });
const clientOf = ({ fetch }: Pipeline) => new Anthropic({ apiKey, fetch, maxRetries: 0 });
// #endregion

/** What is left of the function when the loop, the map, the list and the file are gone. */
function straight(client: Anthropic) {
  // #region after
  async function ask(question: string): Promise<string> {
    return textOf(await client.messages.create(asked(question)));
  }
  // #endregion
  return ask;
}

// #region step-1
const withRetry = pipeline(retry());
// #endregion
// #region step-2
const withCache = pipeline(cache({ ttlMs: 600_000 }), retry());
// #endregion
// #region step-3
const rules = moderation({ words: [{ text: 'grumblewort' }] });
const withModeration = pipeline(rules, cache({ ttlMs: 600_000 }), retry());
// #endregion
// #region step-4
const records = audit({ directory: log.path });
const withAudit = pipeline(records, rules, cache({ ttlMs: 600_000 }), retry());
// #endregion

const plain = pipeline();
const versions = [
  ['by hand', byHand(new Anthropic({ apiKey, baseURL: upstream.url, maxRetries: 0 }))],
  ['0: the same through a pipeline', byHand(clientOf(plain))],
  ['1: retry', straight(clientOf(withRetry))],
  ['2: cache', straight(clientOf(withCache))],
  ['3: moderation', straight(clientOf(withModeration))],
  ['4: audit', straight(clientOf(withAudit))],
] as const;

const rows: string[][] = [];
for (const [title, ask] of versions) {
  /** Requests upstream that a question has caused, and whether it was answered. */
  const cost = async (question: string): Promise<string> => {
    const before = upstream.requests.length;
    const answered = await ask(question).then(
      () => 'answered',
      () => 'error',
    );
    return `${answered}, ${upstream.requests.length - before}`;
  };
  upstream.reply('status; status=529; retryAfterMs=20');
  const busy = await cost('Are you busy?');
  const again = await cost('Are you busy?');
  const banned = await cost('What is a grumblewort?');
  const disguised = await cost('What is a GRUMBLE-WORT?');
  upstream.script(() => 'status; status=400');
  const wrong = await cost('Is this wrong?');
  upstream.script(() => undefined);
  rows.push([title, busy, again, banned, disguised, wrong]);
}
printTable(['version', 'provider busy', 'the same again', 'banned word', 'in disguise', 'a 400'], rows);
// What becomes of it, in the order of the columns. By hand a wrong request was sent three times, for nothing; and who
// wrote the word another way got past the list.
const byHandGot = ['answered, 2', 'answered, 0', 'error, 0', 'answered, 1', 'error, 3'];
const blockedGot = ['answered, 2', 'answered, 0', 'error, 0', 'error, 0', 'error, 1'];
assert.deepEqual(
  rows.map(([, ...got]) => got),
  [
    byHandGot,
    byHandGot,
    ['answered, 2', 'answered, 1', 'answered, 1', 'answered, 1', 'error, 1'],
    ['answered, 2', 'answered, 0', 'answered, 1', 'answered, 1', 'error, 1'],
    blockedGot,
    blockedGot,
  ],
);

for (const one of [plain, withRetry, withCache, withModeration, withAudit]) await one.close();
console.log(`\nThe log file of the first two versions:\n${await readFile(logFile, 'utf8')}`);
