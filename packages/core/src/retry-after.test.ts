import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { retryAfter } from './retry-after.ts';
import { BodyFacts } from './stream/body-facts.ts';
import { LazyResponse } from './stream/lazy-response.ts';
import { fakeClock } from './testing/fake-clock.ts';

const now = Date.UTC(2026, 0, 1);
const clock = fakeClock(now);
const answer = (status: number, headers: Record<string, string>): Response =>
  new Response(null, { status, headers });
const lazy = (status: number, headers: Record<string, string>): Response =>
  LazyResponse.from({ status, statusText: '', headers, body: null, facts: new BodyFacts(undefined) });

describe('what an answer says in words', () => {
  it.each<readonly [Record<string, string>, number | undefined]>([
    [{}, undefined],
    [{ 'retry-after': '2' }, 2_000],
    [{ 'retry-after': ' 2 ' }, 2_000],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': '0.5' }, 500],
    [{ 'retry-after': '' }, undefined],
    [{ 'retry-after': '-1' }, undefined],
    [{ 'retry-after': '1, 2' }, undefined],
    [{ 'retry-after': 'soon' }, undefined],
    [{ 'retry-after': 'in 2099' }, undefined],
    [{ 'retry-after': '5 apples' }, undefined],
    [{ 'retry-after': '0x10' }, undefined],
    [{ 'retry-after': '1e3' }, undefined],
    [{ 'retry-after': 'Infinity' }, undefined],
    [{ 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT' }, 30_000],
    [{ 'retry-after': 'Thursday, 01-Jan-26 00:00:30 GMT' }, 30_000],
    [{ 'retry-after': 'Thu Jan  1 00:00:30 2026 GMT' }, 30_000],
    [{ 'retry-after': '2026-01-01T00:00:30Z' }, 30_000],
    [{ 'retry-after': 'Wed, 31 Dec 2025 23:59:59 GMT' }, 0],
    [{ 'retry-after': 'Thu, 99 Jan 2026 00:00:30 GMT' }, undefined],
    [{ 'retry-after-ms': '250' }, 250],
    [{ 'retry-after-ms': '250', 'retry-after': '1' }, 250],
    [{ 'retry-after-ms': '', 'retry-after': '1' }, 1_000],
    [{ 'retry-after-ms': ' ', 'retry-after': '1' }, 1_000],
    [{ 'retry-after-ms': '-1', 'retry-after': '1' }, 1_000],
    [{ 'retry-after-ms': 'x', 'retry-after': '1' }, 1_000],
    [{ 'retry-after-ms': 'NaN' }, undefined],
    [{ 'retry-after-ms': '12.5' }, 12.5],
    [{ 'x-ms-retry-after-ms': '40', 'retry-after': '1' }, 40],
    [{ 'retry-after-ms': '-', 'x-ms-retry-after-ms': 'x', 'retry-after': '1' }, 1_000],
  ])('of %j is %s', (headers, ms) => {
    expect(retryAfter(lazy(429, headers), clock)).toBe(ms);
    expect(retryAfter(answer(429, headers), clock)).toBe(ms);
  });
});

describe('what its limits say', () => {
  const anthropic = (limit: string, remaining: string, reset: string): Record<string, string> => ({
    [`anthropic-ratelimit-${limit}-limit`]: '1000',
    [`anthropic-ratelimit-${limit}-remaining`]: remaining,
    [`anthropic-ratelimit-${limit}-reset`]: reset,
  });
  const openai = (limit: string, remaining: string, reset: string): Record<string, string> => ({
    [`x-ratelimit-limit-${limit}`]: '1000',
    [`x-ratelimit-remaining-${limit}`]: remaining,
    [`x-ratelimit-reset-${limit}`]: reset,
  });

  it.each<readonly [string, Record<string, string>, number | undefined]>([
    ['one that is used up', anthropic('requests', '0', '2026-01-01T00:00:12Z'), 12_000],
    ['one with an offset and a fraction', anthropic('tokens', '0', '2026-01-01t01:00:00.25+01:00'), 250],
    ['one that has reset', anthropic('tokens', '0', '2025-12-31T23:59:59Z'), 0],
    ['one with something left', anthropic('requests', '1', '2026-01-01T00:00:12Z'), undefined],
    [
      'one of which nothing else is known',
      { 'anthropic-ratelimit-tokens-reset': '2026-01-01T00:00:12Z' },
      undefined,
    ],
    ['one that is no timestamp', anthropic('requests', '0', '12'), undefined],
    ['one that is half a timestamp', anthropic('requests', '0', '2026-01-01'), undefined],
    ['one of the 99th', anthropic('requests', '0', '2026-01-99T00:00:00Z'), undefined],
    [
      'the last of those that are used up',
      {
        ...anthropic('requests', '0', '2026-01-01T00:00:05Z'),
        ...anthropic('input-tokens', '0', '2026-01-01T00:00:09Z'),
        ...anthropic('output-tokens', '7', '2026-01-01T00:01:00Z'),
      },
      9_000,
    ],
    [
      'one of the priority tier',
      {
        'anthropic-priority-input-tokens-remaining': '0',
        'anthropic-priority-input-tokens-reset': '2026-01-01T00:00:08Z',
      },
      8_000,
    ],
    [
      'one of the fast tier',
      {
        'anthropic-fast-output-tokens-remaining': '0',
        'anthropic-fast-output-tokens-reset': '2026-01-01T00:00:06Z',
        'anthropic-fast-input-tokens-remaining': '9',
        'anthropic-fast-input-tokens-reset': '2026-01-01T00:00:59Z',
      },
      6_000,
    ],
    ['seconds', openai('requests', '0', '1s'), 1_000],
    ['minutes and seconds', openai('tokens', '0', '6m0s'), 360_000],
    ['a fraction', openai('tokens', '0', '1m6.5s'), 66_500],
    ['milliseconds', openai('tokens', '0', '17ms'), 17],
    ['hours', openai('requests', '0', '1h30m'), 5_400_000],
    ['a day', openai('requests-day', '0', '1d2h'), 93_600_000],
    ['bare digits', openai('requests', '0', '8'), 8_000],
    ['a duration below nothing', openai('requests', '0', '-1s'), undefined],
    ['a duration in the wrong order', openai('requests', '0', '1s6m'), undefined],
    ['no duration', openai('requests', '0', ''), undefined],
    ['a unit alone', openai('requests', '0', 's'), undefined],
    ['one with something left, in OpenAI’s words', openai('requests', '3', '1m'), undefined],
    [
      'the last in OpenAI’s words',
      { ...openai('requests', '0', '1s'), ...openai('tokens', '0', '2s') },
      2_000,
    ],
    ['the one limit, in seconds', { 'x-ratelimit-reset': '30' }, 30_000],
    ['the one limit, as a duration', { 'x-ratelimit-reset': '1m30s' }, 90_000],
    ['the one limit, as a time', { 'x-ratelimit-reset': String(now / 1000 + 7) }, 7_000],
    ['the one limit, as a time in milliseconds', { 'x-ratelimit-reset': String(now + 7) }, 7],
    [
      'the one limit with something left',
      { 'x-ratelimit-reset': '30', 'x-ratelimit-remaining': '2' },
      undefined,
    ],
    ['the one limit used up', { 'x-ratelimit-reset': '30', 'x-ratelimit-remaining': '0' }, 30_000],
  ])('%s', (_, headers, ms) => {
    for (const status of [429, 529]) {
      expect(retryAfter(lazy(status, headers), clock)).toBe(ms);
      expect(retryAfter(answer(status, headers), clock)).toBe(ms);
      // What it says in words counts before it, an unreadable word does not.
      expect(retryAfter(lazy(status, { ...headers, 'retry-after': '3' }), clock)).toBe(3_000);
      expect(retryAfter(lazy(status, { ...headers, 'retry-after': 'soon' }), clock)).toBe(ms);
    }
    // Any other answer names its limits too, and does not ask to wait for them.
    expect(retryAfter(lazy(503, headers), clock)).toBeUndefined();
  });

  const limits = ['requests', 'tokens', 'input-tokens', 'output-tokens'] as const;
  const limit = fc.record({
    name: fc.constantFrom(...limits),
    remaining: fc.nat(2),
    resetInMs: fc.integer({ min: -100_000, max: 10_000_000 }),
  });

  it('is never earlier than the reset of any limit that is used up', () => {
    fc.assert(
      fc.property(fc.uniqueArray(limit, { selector: ({ name }) => name }), (drawn) => {
        const headers: Record<string, string> = {};
        for (const { name, remaining, resetInMs } of drawn) {
          Object.assign(headers, anthropic(name, String(remaining), new Date(now + resetInMs).toISOString()));
        }
        const used = drawn.filter(({ remaining }) => remaining === 0).map(({ resetInMs }) => resetInMs);
        const expected = used.length === 0 ? undefined : Math.max(0, ...used);
        expect(retryAfter(lazy(429, headers), clock)).toBe(expected);
      }),
    );
  });

  it('reads every duration as its parts', () => {
    const part = fc.option(fc.nat(999), { nil: undefined });
    fc.assert(
      fc.property(part, part, part, part, fc.constantFrom('s', 'ms'), (d, h, m, rest, unit) => {
        const said = [
          [d, 'd'],
          [h, 'h'],
          [m, 'm'],
          [rest, unit],
        ].map(([value, name]) => (value === undefined ? '' : `${value}${name}`));
        const ms =
          (((d ?? 0) * 24 + (h ?? 0)) * 60 + (m ?? 0)) * 60_000 + (rest ?? 0) * (unit === 'ms' ? 1 : 1_000);
        const expected = said.join('') === '' ? undefined : ms;
        expect(retryAfter(lazy(429, openai('tokens', '0', said.join(''))), clock)).toBe(expected);
      }),
    );
  });
});

it('makes of any garbage a wait that is none, or a number that is not negative', () => {
  const name = fc.constantFrom(
    'retry-after',
    'retry-after-ms',
    'x-ms-retry-after-ms',
    'anthropic-ratelimit-requests-reset',
    'anthropic-ratelimit-requests-remaining',
    'x-ratelimit-reset',
    'x-ratelimit-reset-tokens',
    'x-ratelimit-remaining-tokens',
  );
  const value = fc.oneof(
    fc.string(),
    fc.stringMatching(/^[-+]?[\d.]{1,40}[dhmsZT: ]{0,3}$/),
    fc.double().map(String),
    fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
    fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
  );
  fc.assert(
    fc.property(fc.dictionary(name, value), fc.constantFrom(429, 503, 529), (headers, status) => {
      const ms = retryAfter(lazy(status, headers), clock);
      if (ms !== undefined) expect(ms).toSatisfy((wait: number) => Number.isFinite(wait) && wait >= 0);
    }),
    { numRuns: 2_000 },
  );
});
