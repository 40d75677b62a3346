import {
  anthropicMessages,
  definePlugin,
  openaiChat,
  openaiResponses,
  PRINCIPAL,
  provide,
} from '@sluice/core';
import { anthropicMessage, testPipeline, type TestPipeline } from '@sluice/core/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { moderation, type ModerationOptions, STRIKE_STORE } from '../index.ts';
import { conversationId } from './conversation-id.ts';
import { isAbout } from './topic.ts';

const answer = (): Response =>
  new Response(anthropicMessage({ text: 'Fine.' }), { headers: { 'content-type': 'application/json' } });
/** Questions, each answered with "Fine." but the last. */
const asks = (...questions: string[]): { role: string; content: string }[] =>
  questions.flatMap((content, i) => [
    { role: 'user', content },
    ...(i < questions.length - 1 ? [{ role: 'assistant', content: 'Fine.' }] : []),
  ]);

const identify = definePlugin({
  name: 'identity',
  create: () => ({
    handle: (request, next, ctx) => {
      const [tenant = '', id = ''] = (request.headers['x-user'] ?? 't/ann').split('/');
      ctx.state.set(PRINCIPAL, { id, tenant });
      return next(request);
    },
  }),
});

function piped(options: ModerationOptions, answers = 20): TestPipeline {
  return testPipeline({
    plugins: [identify(), moderation(options)],
    answers: Array.from({ length: answers }, () => answer()),
  });
}

async function statusOf(pipe: TestPipeline, questions: readonly string[], user = 't/ann'): Promise<number> {
  const headers = { 'content-type': 'application/json', 'x-user': user };
  return (await pipe.post({ messages: asks(...questions) }, { headers })).status;
}

describe('strikes', () => {
  const words = [{ text: 'grumblewort' }];

  test('per tenant suspend all of its principals, and no other tenant', async () => {
    await using pipe = piped({ words, strikes: { per: ['tenant'], inARow: 2 } });
    expect(await statusOf(pipe, ['grumblewort'], 't/ann')).toBe(400);
    expect(await statusOf(pipe, ['grumblewort'], 't/bob')).toBe(400);
    expect(await statusOf(pipe, ['hello'], 't/cid')).toBe(403);
    expect(await statusOf(pipe, ['hello'], 'u/ann')).toBe(200);
  });

  test('per conversation close that one, and leave the caller all others', async () => {
    await using pipe = piped({ words, strikes: { per: ['conversation'], inARow: 2 } });
    expect(await statusOf(pipe, ['one', 'grumblewort'])).toBe(400);
    expect(await statusOf(pipe, ['one', 'again', 'grumblewort'])).toBe(400);
    expect(await statusOf(pipe, ['one', 'hello'])).toBe(403);
    expect(await statusOf(pipe, ['two', 'hello'])).toBe(200);
    expect(await statusOf(pipe, ['one', 'hello'], 't/bob')).toBe(200);
    expect(await statusOf(pipe, ['one'])).toBe(200);
  });

  test('of several holders count for each, and the longest suspension is told', async () => {
    await using pipe = piped({
      words,
      strikes: { per: ['caller', 'tenant', 'conversation'], inARow: 2, perDay: 3, suspendMs: 60_000 },
    });
    expect(await statusOf(pipe, ['grumblewort'], 't/ann')).toBe(400);
    expect(await statusOf(pipe, ['hello'], 't/bob')).toBe(200);
    expect(await statusOf(pipe, ['grumblewort'], 't/ann')).toBe(400);
    expect(await statusOf(pipe, ['hello'], 't/ann')).toBe(403);
    expect(await statusOf(pipe, ['grumblewort'], 't/bob')).toBe(400);
    // Three in a day, by two principals.
    expect(await statusOf(pipe, ['hello'], 't/cid')).toBe(403);
    await pipe.clock.advance(60_001);
    expect(await statusOf(pipe, ['hello'], 't/cid')).toBe(200);
  });

  test.each([
    ['open', 200, 400],
    ['closed', 503, 503],
  ] as const)('whose store fails are %s', async (onStoreError, clean, banned) => {
    let asked = 0;
    const fails = (): Promise<never> => {
      asked++;
      return Promise.reject(new Error('down'));
    };
    await using pipe = testPipeline({
      plugins: [identify(), moderation({ words, strikes: { onStoreError } })],
      services: [
        provide(STRIKE_STORE, () => ({ suspendedMs: fails, strike: fails, forgive: fails, suspend: fails })),
      ],
      answers: [answer(), answer()],
    });
    expect(await statusOf(pipe, ['hello'])).toBe(clean);
    expect(await statusOf(pipe, ['grumblewort'])).toBe(banned);
    // Once a second, not once a call.
    expect(asked).toBe(1);
  });
});

describe('a conversation', () => {
  test('is named by its first question and answer, whatever comes after them', () => {
    const id = (questions: string[], principal = { id: 'ann', tenant: 't' }): string | undefined =>
      conversationId(anthropicMessages, { messages: asks(...questions) }, principal);
    expect(id(['one'])).toBeUndefined();
    expect(id(['one', 'two'])).toBe(id(['one', 'three', 'four']));
    expect(id(['one', 'two'])).not.toBe(id(['two', 'two']));
    expect(id(['one', 'two'])).not.toBe(id(['one', 'two'], { id: 'bob', tenant: 't' }));
    expect(id(['one', 'two'])).not.toBe(id(['one', 'two'], { id: 'n', tenant: 't/an' }));
    for (const format of [openaiChat, openaiResponses]) {
      const field = format === openaiChat ? 'messages' : 'input';
      expect(conversationId(format, { [field]: asks('one') }, undefined)).toBeUndefined();
      expect(conversationId(format, { [field]: asks('one', 'two') }, undefined)).toBeTypeOf('string');
    }
  });
});

describe('a word spread over messages', () => {
  const words = [{ text: 'grumblewort' }, { text: '炸弹' }];

  test.each([
    [['a grum', 'blewort please'], 400],
    [['炸', '弹'], 400],
    ['grumblewort'.split(''), 400],
    [['a grum', 'something else', 'blewort'], 200],
    [['a grum. ', 'Blewort'], 200],
    [['grumble', 'worthy'], 200],
  ])('%j: %i', async (questions, status) => {
    await using pipe = piped({ words, conversation: { acrossMessages: 12 } });
    expect(await statusOf(pipe, questions)).toBe(status);
    await using without = piped({ words });
    expect(await statusOf(without, questions)).toBe(200);
  });

  test('is found across as many messages as are asked for, and no more', async () => {
    await using pipe = piped({ words, conversation: { acrossMessages: 3 } });
    expect(await statusOf(pipe, ['gru', 'mble', 'wort'])).toBe(400);
    expect(await statusOf(pipe, ['gr', 'um', 'ble', 'wort'])).toBe(200);
  });

  test('blocks by the message it ends in, as far as the scope goes', async () => {
    await using pipe = piped({ words, scope: 'last', conversation: { acrossMessages: 3 } });
    expect(await statusOf(pipe, ['grumble', 'wort', 'and more'])).toBe(200);
    expect(await statusOf(pipe, ['hello', 'grumble', 'wort'])).toBe(400);
  });
});

describe('a topic', () => {
  const words = [
    { text: 'fuse', category: 'parts', severity: 'low' as const },
    { text: 'powder', category: 'stuff', severity: 'low' as const },
  ];
  const rules = [{ category: ['parts', 'stuff'], action: 'pass' }] as const;

  test('carried over messages is blocked, though none of them is', async () => {
    const topics = [{ name: 'fireworks', categories: ['parts', 'stuff'], messages: 3, lastMessages: 4 }];
    await using pipe = piped({ words, rules, conversation: { topics } });
    expect(await statusOf(pipe, ['a fuse', 'powder powder powder'])).toBe(200);
    expect(await statusOf(pipe, ['a fuse', 'powder', 'a fuse'])).toBe(400);
    expect(await statusOf(pipe, ['a fuse', 'powder', 'x', 'a fuse'])).toBe(400);
    expect(await statusOf(pipe, ['a fuse', 'powder', 'x', 'y', 'a fuse'])).toBe(200);
  });

  test('of several parts is blocked once each of them has come up', async () => {
    const topics = [{ name: 'fireworks', categories: ['parts', 'stuff'], messages: 2, every: true }];
    await using pipe = piped({ words, rules, conversation: { topics } });
    expect(await statusOf(pipe, ['a fuse', 'a fuse', 'a fuse'])).toBe(200);
    expect(await statusOf(pipe, ['a fuse', 'well', 'powder'])).toBe(400);
  });

  test('counts what classifiers find, and is dealt with by the rules', async () => {
    const findings: string[] = [];
    await using pipe = piped({
      moderators: [
        {
          name: 'm',
          direction: 'input',
          judge: ({ text }) => Promise.resolve(text.includes('sad') ? [{ category: 'mood' }] : []),
        },
      ],
      rules: [
        { category: 'mood', action: 'pass' },
        { category: 'topic', action: 'flag' },
      ],
      conversation: { topics: [{ name: 'sorrow', categories: ['mood'], messages: 2 }] },
      onFinding: ({ rule, action }) => void findings.push(`${rule} ${action}`),
    });
    expect(await statusOf(pipe, ['sad', 'sad'])).toBe(200);
    expect(findings).toEqual(['topic:sorrow flag']);
  });

  test('is the same whether its messages are looked at one by one or all at once', () => {
    const found = fc.array(fc.constantFrom('a', 'b', 'c')).map((categories) => new Set(categories));
    fc.assert(
      fc.property(fc.array(found), fc.integer({ min: 1, max: 4 }), (history, messages) => {
        const topic = { name: 't', categories: ['a', 'b'], messages, lastMessages: 5 };
        const counted = history.slice(-5).filter((one) => one.has('a') || one.has('b')).length;
        expect(isAbout(topic, history)).toBe(counted >= messages);
      }),
    );
  });

  test('that could never be found is refused', () => {
    const topics = [{ name: 't', categories: ['a'], messages: 5, lastMessages: 4 }];
    expect(() => piped({ conversation: { topics } })).toThrow('could never be found');
  });
});
