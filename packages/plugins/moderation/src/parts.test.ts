import { definePlugin, PRINCIPAL } from '@sluice/core';
import {
  anthropicMessage,
  anthropicStream,
  fakeClock,
  streamAnswer,
  testPipeline,
} from '@sluice/core/testing';
import { describe, expect, test, vi } from 'vitest';
import { moderation, type ModerationOptions, type Moderator } from './index.ts';
import { DetectorFinder } from './detect/detector-finder.ts';
import { DETECTORS, type DetectorName } from './detect/detectors.ts';
import { memoryStrikeStore } from './strikes/strike-store.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const answer =
  (text = 'Fine.') =>
  (): Response =>
    new Response(anthropicMessage({ text }), { headers: JSON_TYPE });
const words = [{ text: 'grumblewort' }];
const says = (...contents: string[]): Record<string, unknown> => ({
  messages: contents.map((content, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content })),
});

describe('detectors', () => {
  const find = (text: string): string[] =>
    new DetectorFinder(Object.keys(DETECTORS) as DetectorName[])
      .find(text, { final: true, json: false })
      .finds.map(({ start, end, label }) => `${label} ${text.slice(start, end)}`);
  test.each([
    ['邮箱ann.lee+x@mail.example.org。', '[EMAIL] ann.lee+x@mail.example.org'],
    ['我的号码是13812345678请打', '[PHONE] 13812345678'],
    ['+86 138-1234-5678', '[PHONE] +86 138-1234-5678'],
    ['身份证１１０１０５１９４９１２３１００２X号', '[ID] １１０１０５１９４９１２３１００２X'],
    ['卡号6222021234567890128吗', '[CARD] 6222021234567890128'],
    ['card 4111 1111 1111 1111.', '[CARD] 4111 1111 1111 1111'],
    ['at 192.168.1.20, ok', '[IP] 192.168.1.20'],
    ['at 2001:db8::1 ok', '[IP] 2001:db8::1'],
    ['host:10.0.0.1', '[IP] 10.0.0.1'],
    ['地址：10.0.0.1。', '[IP] 10.0.0.1'],
    ['at ::ffff:192.168.1.1.', '[IP] ::ffff:192.168.1.1'],
    ['0086 13812345678', '[PHONE] 0086 13812345678'],
    ['138.1234.5678', '[PHONE] 138.1234.5678'],
    ['138\u20111234\u20115678', '[PHONE] 138\u20111234\u20115678'],
    ['110105 19491231 002X', '[ID] 110105 19491231 002X'],
    ['4111\u00a01111\u00a01111\u00a01111', '[CARD] 4111\u00a01111\u00a01111\u00a01111'],
    ['3714-496353-98431', '[CARD] 3714-496353-98431'],
    ['3056 930902 5904', '[CARD] 3056 930902 5904'],
    ['to x@xn--fiqs8s.xn--55qx5d', '[EMAIL] x@xn--fiqs8s.xn--55qx5d'],
    ['key sk-ant-api03-abcdefghijklmnop', '[SECRET] sk-ant-api03-abcdefghijklmnop'],
    ['110105194912310021 is no number', undefined],
    ['key=sk_live_4eC39HqLyjWDarjtT1zdp7dc', '[SECRET] sk_live_4eC39HqLyjWDarjtT1zdp7dc'],
    [`github_pat_${'a1B2'.repeat(20)}`, `[SECRET] github_pat_${'a1B2'.repeat(20)}`],
    [`hf_${'aBcD'.repeat(9)}`, `[SECRET] hf_${'aBcD'.repeat(9)}`],
    [`gsk_${'a1B2'.repeat(13)}`, `[SECRET] gsk_${'a1B2'.repeat(13)}`],
    [`xai-${'a1B2'.repeat(20)}`, `[SECRET] xai-${'a1B2'.repeat(20)}`],
    ['ASIAQ2W3E4R5T6Y7U8I9', '[SECRET] ASIAQ2W3E4R5T6Y7U8I9'],
    [
      `eyJ${'a1B2'.repeat(8)}.eyJ${'c3D4'.repeat(30)}`,
      `[SECRET] eyJ${'a1B2'.repeat(8)}.eyJ${'c3D4'.repeat(30)}`,
    ],
    ['class="sk-navigation-menu-item", a::b, 256.1.1.1, 1381234.5678, npm_package_json_name', undefined],
    ['1.2.3.4.5, 12:30, 3.5, a@b, 12345678901, 4111 1111 1111 1112', undefined],
  ])('%s', (text, expected) => {
    expect(find(text)).toEqual(expected === undefined ? [] : [expected]);
  });

  test('hold back the run that a text ends with, and no more than 256 characters', () => {
    const finder = new DetectorFinder(['email', 'bank-card']);
    const hold = (text: string): number => finder.find(text, { final: false, json: false }).hold;
    expect(hold('mail ann@exam')).toBe(5);
    expect(hold('card 4111 1111 ')).toBe(5);
    expect(hold('done. ')).toBe(6);
    expect(hold('x'.repeat(1_000))).toBe(1_000 - 255);
  });
});

describe('scope', () => {
  const history = says('a grumblewort', 'No.', 'hello');
  test.each<[ModerationOptions['scope'], number]>([
    ['all', 400],
    ['last', 200],
    [{ lastMessages: 1 }, 200],
    [{ lastMessages: 3 }, 400],
  ])('%j', async (scope, status) => {
    await using pipe = testPipeline({
      plugins: [moderation({ words, scope: scope ?? 'all' })],
      answers: [answer()],
    });
    expect((await pipe.post(history)).status).toBe(status);
  });
});

describe('a moderator', () => {
  const moderator = (judge: Moderator['judge'], more: Partial<Moderator> = {}): Moderator => ({
    name: 'm',
    judge,
    ...more,
  });
  const finds =
    (word: string): Moderator['judge'] =>
    ({ text }) =>
      Promise.resolve(text.includes(word) ? [{ category: 'bad' }] : []);

  test('is asked about each text once', async () => {
    const judge = vi.fn(finds('wicked'));
    const plugins = [moderation({ moderators: [moderator(judge, { direction: 'input' })] })];
    await using pipe = testPipeline({ plugins, answers: [answer(), answer()] });
    expect((await pipe.post(says('one'))).status).toBe(200);
    expect((await pipe.post(says('one', 'two', 'three'))).status).toBe(200);
    expect(judge).toHaveBeenCalledTimes(3);
    expect((await pipe.post(says('wicked'))).status).toBe(400);
  });

  test.each([
    ['open', 200],
    ['closed', 500],
  ] as const)('that is late or fails is %s: %i', async (onError, status) => {
    const late = moderator(() => new Promise(() => undefined), {
      onError,
      direction: 'input',
      timeoutMs: 50,
    });
    await using pipe = testPipeline({ plugins: [moderation({ moderators: [late] })], answers: [answer()] });
    const pending = pipe.post();
    await pipe.clock.advance(60);
    expect((await pending).status).toBe(status);
    const failing = moderator(() => Promise.reject(new Error('down')), { onError, direction: 'input' });
    await using other = testPipeline({
      plugins: [moderation({ moderators: [failing] })],
      answers: [answer()],
    });
    expect((await other.post()).status).toBe(status);
  });

  test('has no more questions under way than it takes', async () => {
    let most = 0;
    let now = 0;
    const judge: Moderator['judge'] = async () => {
      most = Math.max(most, ++now);
      await new Promise(setImmediate);
      now--;
      return [];
    };
    const plugins = [moderation({ moderators: [moderator(judge, { concurrency: 2, direction: 'input' })] })];
    await using pipe = testPipeline({ plugins, answers: [answer()] });
    expect((await pipe.post(says('1', '2', '3', '4', '5', '6', '7'))).status).toBe(200);
    expect(most).toBe(2);
  });

  test('that is waited for leaves the caller without a sign for five seconds at most', async () => {
    const { promise, resolve } = Promise.withResolvers<[]>();
    const options: ModerationOptions = {
      review: 'full',
      moderators: [moderator(() => promise, { direction: 'output', timeoutMs: 60_000 })],
    };
    const events = anthropicStream({ text: ['All ', 'is fine.'] });
    await using pipe = testPipeline({ plugins: [moderation(options)], answers: [streamAnswer(events)] });
    const response = await pipe.post({ stream: true });
    const read: string[] = [];
    const reading = (async () => {
      for await (const chunk of response.body as ReadableStream<Uint8Array>)
        read.push(Buffer.from(chunk).toString());
    })();
    for (let i = 0; i < 5; i++) {
      await pipe.clock.advance(5_000);
      await new Promise(setImmediate);
    }
    expect(read.join('')).not.toContain('fine');
    expect(read.filter((chunk) => chunk === ': held\n\n')).toHaveLength(5);
    resolve([]);
    await reading;
    expect(read.filter((chunk) => chunk !== ': held\n\n').join('')).toBe(events.join(''));
    expect(pipe.clock.pendingTimers).toBe(0);
    expect(pipe.outcomes).toMatchObject([{ kind: 'completed' }]);
  });

  describe.each([false, true])('is told of an answer (streamed: %s)', (stream) => {
    const content = [
      { type: 'thinking', thinking: 'a wicked plan', signature: 's' },
      { type: 'text', text: 'hello' },
    ] as const;
    const answered = async (
      options: ModerationOptions,
    ): Promise<{ seen: readonly string[]; channels: readonly string[]; kind: unknown }> => {
      const seen: string[] = [];
      const channels: string[] = [];
      const judge: Moderator['judge'] = (question) => {
        seen.push(question.text);
        return finds('wicked')(question);
      };
      const plugins = [
        moderation({
          moderators: [moderator(judge, { direction: 'output' })],
          onFinding: ({ channel, action }) => void channels.push(`${channel} ${action}`),
          ...options,
        }),
      ];
      const given = stream
        ? streamAnswer(anthropicStream({ content }))
        : new Response(anthropicMessage({ content }), { headers: JSON_TYPE });
      await using pipe = testPipeline({ plugins, answers: [given] });
      await (await pipe.post({ stream })).text();
      return { seen: seen.toSorted(), channels, kind: pipe.outcomes[0]?.kind };
    };

    test('what is not excepted, and nothing else', async () => {
      const told = await answered({ except: ['thinking', 'tool-definition'] });
      expect(told).toEqual({ seen: ['hello'], channels: [], kind: 'completed' });
    });

    test('all of it, and what it finds is judged by the rules of the channel', async () => {
      const seen = ['a wicked plan', 'hello'];
      expect(await answered({})).toEqual({ seen, channels: ['thinking block'], kind: 'refused' });
      expect(await answered({ rules: [{ channel: 'thinking', action: 'flag' }] })).toEqual({
        seen,
        channels: ['thinking flag'],
        kind: 'completed',
      });
    });
  });

  test.each<[string, unknown]>([
    ['moderators.0', [{}]],
    ['moderators.0', [() => Promise.resolve([])]],
    ['moderators.0.name', [{ judge: finds('x') }]],
    ['moderators.0.judge', [{ name: 'm' }]],
    ['moderators.0.concurrency', [{ name: 'm', judge: finds('x'), concurrency: 0 }]],
    ['moderators.1.timeoutMs', [moderator(finds('x')), { name: 'm', judge: finds('x'), timeoutMs: NaN }]],
    ['moderators.0.onError', [{ name: 'm', judge: finds('x'), onError: 'opne' }]],
    ['moderators.0.direction', [{ name: 'm', judge: finds('x'), direction: 'both' }]],
    ['moderators.0.cacheEntries', [{ name: 'm', judge: finds('x'), cacheEntries: -1 }]],
  ])('that could not be asked is refused at once: %s of %j', (path, moderators) => {
    const plugins = [moderation({ moderators: moderators as Moderator[] })];
    expect(() => testPipeline({ plugins })).toThrow(path);
  });

  test('may be an object of a class', async () => {
    class Classifier implements Moderator {
      readonly name = 'mine';
      readonly #word = 'wicked';
      judge({ text }: { readonly text: string }): Promise<readonly { category: string }[]> {
        return Promise.resolve(text.includes(this.#word) ? [{ category: 'bad' }] : []);
      }
    }
    await using pipe = testPipeline({ plugins: [moderation({ moderators: [new Classifier()] })] });
    expect((await pipe.post(says('wicked'))).status).toBe(400);
  });

  test.each(['full', { windowChars: 10 }] as const)(
    'lets nothing of a stream out before its verdict (%j)',
    async (review) => {
      const events = anthropicStream({ text: ['All is fine here. ', 'Then a wick', 'ed thing', ' comes. '] });
      const options: ModerationOptions = {
        review,
        moderators: [moderator(finds('wicked'), { direction: 'output' })],
      };
      const clean = anthropicStream({ text: ['All is fine here. ', 'And stays so.'] });
      await using pipe = testPipeline({
        plugins: [moderation(options)],
        answers: [streamAnswer(events), streamAnswer(clean)],
      });
      const wire = await (await pipe.post({ stream: true })).text();
      expect(wire).not.toContain('ed thing');
      expect(wire).toContain('event: error');
      expect(wire.includes('All is fine')).toBe(review !== 'full');
      expect(pipe.outcomes).toMatchObject([{ kind: 'refused' }]);
      expect(await (await pipe.post({ stream: true })).text()).toBe(clean.join(''));
    },
  );
});

describe('strikes', () => {
  const identify = definePlugin({
    name: 'identity',
    create: () => ({
      handle: (request, next, ctx) => {
        ctx.state.set(PRINCIPAL, { id: request.headers['x-user'] ?? 'ann', tenant: 't' });
        return next(request);
      },
    }),
  });

  test('three in a row suspend the caller, and nobody else, for a while', async () => {
    const plugins = [identify(), moderation({ words, strikes: { suspendMs: 60_000 } })];
    await using pipe = testPipeline({ plugins, answers: Array.from({ length: 5 }, () => answer()) });
    const statuses: number[] = [];
    for (const said of [
      'grumblewort',
      'grumblewort',
      'hello',
      'grumblewort',
      'grumblewort',
      'grumblewort',
      'hello',
    ]) {
      statuses.push((await pipe.post(says(said))).status);
    }
    expect(statuses).toEqual([400, 400, 200, 400, 400, 400, 403]);
    const headers = { 'content-type': 'application/json', 'x-user': 'bob' };
    expect((await pipe.post(says('hello'), { headers })).status).toBe(200);
    await pipe.clock.advance(60_001);
    expect((await pipe.post(says('hello'))).status).toBe(200);
  });

  test('are counted over 24 hours', async () => {
    const clock = fakeClock();
    const store = memoryStrikeStore(clock);
    for (let i = 0; i < 4; i++) {
      await store.strike('a');
      await store.forgive('a');
      await clock.advance(6 * 3_600_000);
    }
    expect(await store.strike('a')).toEqual({ inARow: 1, perDay: 4 });
  });
});
