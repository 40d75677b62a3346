import Anthropic from '@anthropic-ai/sdk';
import type { Behaviour, FakeUpstream } from '@sluice/core/testing';
import { fakeUpstream } from '@sluice/core/testing';
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { stackFor, type StackOptions } from '../simulation/stack.ts';
import { type Mounted, MOUNTS } from '../support/mounts.ts';
import { type Stage, stageFor } from '../support/stage.ts';
import { QUESTION as MESSAGE, textOf } from './anthropic-client.ts';
import { chatText, QUESTION as CHAT } from './openai-client.ts';

/** What the SDKs are set to by default: two retries of their own. */
const anthropic = ({ baseUrl, fetch }: Mounted): Anthropic =>
  new Anthropic({ apiKey: 'sk-ant-caller', baseURL: baseUrl, fetch, logLevel: 'off' });
const openai = ({ baseUrl, fetch }: Mounted): OpenAI =>
  new OpenAI({ apiKey: 'sk-caller', baseURL: `${baseUrl}/v1`, fetch, logLevel: 'off' });

type Call = (mounted: Mounted, headers?: Record<string, string>) => Promise<unknown>;

const CALLS: readonly { readonly name: string; readonly call: Call }[] = [
  {
    name: 'the Anthropic SDK',
    call: (mounted, headers) => anthropic(mounted).messages.create(MESSAGE, { headers }),
  },
  {
    name: 'the Anthropic SDK, streaming',
    call: async (mounted, headers) =>
      textOf(await anthropic(mounted).messages.create({ ...MESSAGE, stream: true }, { headers })),
  },
  {
    name: 'the OpenAI SDK',
    call: (mounted, headers) => openai(mounted).chat.completions.create(CHAT, { headers }),
  },
  {
    name: 'the OpenAI SDK, streaming',
    call: async (mounted, headers) =>
      chatText(await openai(mounted).chat.completions.create({ ...CHAT, stream: true }, { headers })),
  },
];

/** Faults of all regions that never end, and the requests that they see of one call together. */
const FAULTS: readonly (readonly [string, Behaviour, number])[] = [
  ['429', { kind: 'status', status: 429, retryAfterMs: '1' }, 3],
  ['429 for an hour', { kind: 'status', status: 429, retryAfter: '3600' }, 3],
  ['500', { kind: 'status', status: 500 }, 3],
  ['503', { kind: 'status', status: 503, retryAfter: '0' }, 3],
  ['529', { kind: 'status', status: 529 }, 3],
  ['401', { kind: 'status', status: 401 }, 3],
  ['403, to be asked again by its own words', { kind: 'status', status: 403, shouldRetry: 'true' }, 1],
  ['400', { kind: 'status', status: 400 }, 1],
  ['a reset', { kind: 'reset-before-headers' }, 3],
  ['a page of HTML', { kind: 'html' }, 3],
];

interface Regions extends AsyncDisposable {
  readonly stage: Stage;
  readonly upstreams: readonly FakeUpstream[];
}

/** Three regions behind the three plugins, whose waits take no time. */
async function regionsFor(
  mount: (typeof MOUNTS)[number],
  options: Pick<StackOptions, 'routing' | 'breaker'> = {},
): Promise<Regions> {
  const upstreams = await Promise.all([fakeUpstream(), fakeUpstream(), fakeUpstream()]);
  const places = upstreams.map(({ url }, i) => ({ id: `r${i}`, url }));
  const { plugins, services } = stackFor(places, {
    retry: { baseDelayMs: 0, throttledDelayMs: 0, budgetReserve: 1_000 },
    ...options,
  });
  const stage = await stageFor(mount, { pipeline: { plugins, services } });
  return {
    stage,
    upstreams,
    async [Symbol.asyncDispose]() {
      await stage[Symbol.asyncDispose]();
      await Promise.all(upstreams.map((upstream) => upstream.close()));
    },
  };
}

describe.each(MOUNTS.filter(({ name }) => name === 'pipeline.fetch' || name === 'node:http'))(
  'retry, region-routing and circuit-breaker, through $name',
  (mount) => {
    describe.each(CALLS)('and $name at its default settings', ({ call }) => {
      it.each(FAULTS)('make of %s no more attempts than retry alone', async (_, fault, requests) => {
        await using regions = await regionsFor(mount);
        for (const upstream of regions.upstreams) upstream.script(() => fault);
        await expect(call(regions.stage)).rejects.toThrow();
        const seen = regions.upstreams.map((upstream) => upstream.requests.length);
        expect(seen.reduce((sum, one) => sum + one, 0)).toBe(requests);
        expect(regions.stage.outcomes).toHaveLength(1);
      });

      it('answer when one region does', async () => {
        await using regions = await regionsFor(mount);
        const [one, two] = regions.upstreams;
        one?.script(() => ({ kind: 'status', status: 503 }));
        two?.script(() => ({ kind: 'reset-before-headers' }));
        for (let i = 0; i < 10; i++) await call(regions.stage);
        expect(regions.stage.outcomes.map(({ kind }) => kind)).toEqual(Array(10).fill('completed'));
      });

      // A call that an open circuit refuses may come back, and then has one retry less.
      it('make no more attempts for any call when circuits open', async () => {
        // The SDK waits for as long as it is told to, so nothing may be out of work for long.
        await using regions = await regionsFor(mount, {
          routing: { ejection: { baseMs: 30, maxMs: 30 } },
          breaker: { consecutiveFailures: 2, openMs: 30, maxOpenMs: 30 },
        });
        for (const upstream of regions.upstreams) upstream.script(() => ({ kind: 'status', status: 500 }));
        const calls = Array.from({ length: 8 }, (_, i) => call(regions.stage, { 'x-call': `${i}` }));
        const results = await Promise.allSettled(calls);
        expect(new Set(results.map(({ status }) => status))).toEqual(new Set(['rejected']));
        const seen = regions.upstreams.flatMap(({ requests }) =>
          requests.map(({ headers }) => headers['x-call']),
        );
        for (let i = 0; i < 8; i++) {
          expect(seen.filter((one) => one === `${i}`).length).toBeLessThanOrEqual(3);
        }
        expect(regions.stage.outcomes.some(({ attempts }) => attempts < 3)).toBe(true);
      });
    });
  },
);
