import Anthropic from '@anthropic-ai/sdk';
import type { Behaviour } from '@sluice/core/testing';
import { credentials } from '@sluice/credentials';
import { retry } from '@sluice/retry';
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { type Mounted, MOUNTS } from '../support/mounts.ts';
import { stageFor } from '../support/stage.ts';
import { QUESTION as MESSAGE, textOf } from './anthropic-client.ts';
import { chatText, QUESTION as CHAT } from './openai-client.ts';

/** No wait that takes any time, and else the defaults. */
const RETRY = retry({ baseDelayMs: 0, throttledDelayMs: 0, budgetReserve: 1_000 });

/** What the SDKs are set to by default: two retries of their own. */
const anthropic = ({ baseUrl, fetch }: Mounted): Anthropic =>
  new Anthropic({ apiKey: 'sk-ant-caller', baseURL: baseUrl, fetch, logLevel: 'off' });
const openai = ({ baseUrl, fetch }: Mounted): OpenAI =>
  new OpenAI({ apiKey: 'sk-caller', baseURL: `${baseUrl}/v1`, fetch, logLevel: 'off' });

type Call = (mounted: Mounted) => Promise<unknown>;

const CALLS: readonly { readonly name: string; readonly stream: boolean; readonly call: Call }[] = [
  {
    name: 'the Anthropic SDK',
    stream: false,
    call: (mounted) => anthropic(mounted).messages.create(MESSAGE),
  },
  {
    name: 'the Anthropic SDK, streaming',
    stream: true,
    call: async (mounted) => textOf(await anthropic(mounted).messages.create({ ...MESSAGE, stream: true })),
  },
  {
    name: 'the OpenAI SDK',
    stream: false,
    call: (mounted) => openai(mounted).chat.completions.create(CHAT),
  },
  {
    name: 'the OpenAI SDK, streaming',
    stream: true,
    call: async (mounted) =>
      chatText(await openai(mounted).chat.completions.create({ ...CHAT, stream: true })),
  },
];

/** Faults that never end, and the requests that an upstream sees of one call. */
const FAULTS: readonly (readonly [string, Behaviour, number])[] = [
  ['408', { kind: 'status', status: 408 }, 3],
  ['409', { kind: 'status', status: 409 }, 3],
  ['429', { kind: 'status', status: 429, retryAfterMs: '1' }, 3],
  [
    '429, to be asked again by its own words',
    { kind: 'status', status: 429, retryAfterMs: '1', shouldRetry: 'true' },
    3,
  ],
  ['429 for an hour', { kind: 'status', status: 429, retryAfter: '3600' }, 1],
  ['500', { kind: 'status', status: 500 }, 3],
  ['503', { kind: 'status', status: 503, retryAfter: '0' }, 3],
  ['529', { kind: 'status', status: 529 }, 3],
  ['400', { kind: 'status', status: 400 }, 1],
  ['403, to be asked again by its own words', { kind: 'status', status: 403, shouldRetry: 'true' }, 1],
  ['a reset', { kind: 'reset-before-headers' }, 3],
  ['a reset after the headers', { kind: 'reset-after-headers' }, 3],
  ['a page of HTML', { kind: 'html' }, 3],
];

/** The same, where each attempt may be sent once more with another key. */
const FAULTS_WITH_KEYS: readonly (readonly [string, Behaviour, number])[] = [
  ['429', { kind: 'status', status: 429, retryAfterMs: '1' }, 3],
  ['429 for an hour', { kind: 'status', status: 429, retryAfter: '3600' }, 2],
  ['401', { kind: 'status', status: 401 }, 2],
  ['503', { kind: 'status', status: 503, retryAfter: '0' }, 3],
];

/** Three keys, any of which may be asked again at once. */
const KEYS = credentials({
  keys: ['a', 'b', 'c'].map((id) => ({ id, load: () => ({ secret: `sk-operator-${id}` }) })),
  coolMs: 1,
  onEvent: () => undefined,
});

describe.each(MOUNTS.filter(({ name }) => name === 'pipeline.fetch' || name === 'node:http'))(
  'through $name',
  (mount) => {
    describe.each(CALLS)('$name at its default settings and retry at its own', ({ call, stream }) => {
      it.each(FAULTS)('make of %s no more attempts than retry alone', async (_, fault, requests) => {
        await using stage = await stageFor(mount, { pipeline: { plugins: [RETRY] } });
        stage.upstream.script(() => fault);
        await expect(call(stage)).rejects.toThrow();
        expect(stage.upstream.requests).toHaveLength(requests);
        expect(stage.outcomes).toHaveLength(1);
      });

      it.each(FAULTS_WITH_KEYS)(
        'and several keys make of %s no more than that',
        async (_, fault, requests) => {
          await using stage = await stageFor(mount, { pipeline: { plugins: [RETRY, KEYS] } });
          stage.upstream.script(() => fault);
          await expect(call(stage)).rejects.toThrow();
          expect(stage.upstream.requests).toHaveLength(requests);
          expect(stage.outcomes).toHaveLength(1);
        },
      );

      const cuts: readonly (readonly [string, Behaviour, number])[] = stream
        ? [
            ['an error event at the start', { kind: 'error-event' }, 3],
            ['a reset after content', { kind: 'reset-mid-stream', afterEvents: 5 }, 1],
          ]
        : [['an answer that is cut', { kind: 'truncate', framing: 'content-length' }, 3]];
      it.each(cuts)('make of %s no more attempts than retry alone', async (_, fault, requests) => {
        await using stage = await stageFor(mount, { pipeline: { plugins: [RETRY] } });
        stage.upstream.script(() => fault);
        await expect(call(stage)).rejects.toThrow();
        expect(stage.upstream.requests).toHaveLength(requests);
      });
    });

    // Whether to risk that a batch is there twice is left to the SDK: together they are not more, either.
    it.each<[string, readonly Behaviour[]]>([
      ['perhaps carried out', [{ kind: 'status', status: 500, retryAfterMs: '1', times: 9 }]],
      [
        'first throttled, then perhaps carried out',
        [
          { kind: 'status', status: 429, retryAfterMs: '1' },
          { kind: 'status', status: 500, retryAfterMs: '1', times: 9 },
        ],
      ],
    ])('a batch that was %s costs three requests at most', async (_, behaviours) => {
      await using stage = await stageFor(mount, { pipeline: { plugins: [RETRY] } });
      stage.upstream.reply(...behaviours);
      const requests = [{ custom_id: 'one', params: MESSAGE }];
      await expect(anthropic(stage).messages.batches.create({ requests })).rejects.toThrow();
      expect(stage.upstream.requests.length).toBeLessThanOrEqual(3);
      expect(stage.upstream.requests.length).toBeGreaterThan(1);
    });
  },
);
