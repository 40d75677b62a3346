import { describe, expect, it } from 'vitest';
import { classify, type Disposition } from './classify.ts';
import { ERROR_CODES, type ErrorCode, PipelineError } from './errors.ts';
import { BodyFacts } from './stream/body-facts.ts';
import { LazyResponse } from './stream/lazy-response.ts';
import { errorBody } from './testing/error-body.ts';
import { fakeClock } from './testing/fake-clock.ts';

const now = Date.UTC(2026, 0, 1);
const clock = fakeClock(now);
const answer = (status: number, headers: Record<string, string> = {}): Response =>
  new Response(null, { status, headers });
const lazy = (status: number, headers: Record<string, string> = {}): Response =>
  LazyResponse.from({ status, statusText: '', headers, body: null, facts: new BodyFacts(undefined) });

type Row = readonly [Disposition['retry'], boolean, Disposition['health'], Disposition['credential']];
const rowOf = ({ retry, otherEndpoint, health, credential }: Disposition): Row => [
  retry,
  otherEndpoint,
  health,
  credential,
];

const statuses: readonly (readonly [readonly number[], Row])[] = [
  [
    [200, 201, 204, 299],
    ['no', false, 'success', 'keep'],
  ],
  [
    [301, 302, 304, 307],
    ['no', false, 'success', 'keep'],
  ],
  [
    [500, 502, 503, 504, 408, 520, 524, 599],
    ['backoff', true, 'failure', 'keep'],
  ],
  [[529], ['throttled', true, 'failure', 'keep']],
  [[429], ['throttled', true, 'ignore', 'cool']],
  [
    [401, 402],
    ['no', true, 'ignore', 'quarantine'],
  ],
  [[403], ['no', false, 'ignore', 'quarantine']],
  [
    [400, 404, 405, 410, 413, 415, 422, 451, 501],
    ['no', false, 'success', 'keep'],
  ],
  [[409], ['backoff', false, 'ignore', 'keep']],
];

describe('an answer', () => {
  it.each(statuses)('with status %j', (list, row) => {
    for (const status of list) {
      for (const response of [answer(status), lazy(status)])
        expect(rowOf(classify(response, clock)), String(status)).toEqual(row);
    }
  });

  it('of another implementation of fetch is an answer too', async () => {
    const { Response: Other } = await import('undici');
    expect(classify(new Other(null, { status: 503 }), clock).retry).toBe('backoff');
  });

  it('that says x-should-retry: false is not retried, but may go elsewhere', () => {
    const headers = { 'x-should-retry': 'false', 'retry-after': '2' };
    expect(classify(answer(503, headers), clock)).toEqual({
      retry: 'no',
      otherEndpoint: true,
      health: 'failure',
      credential: 'keep',
      retryAfterMs: 2_000,
    });
    expect(classify(answer(503, { 'x-should-retry': 'true' }), clock).retry).toBe('backoff');
    // Both official SDKs believe it, whatever the status.
    expect(classify(answer(400, { 'x-should-retry': 'true' }), clock).retry).toBe('backoff');
    // But what is not permitted is not tried on.
    expect(classify(answer(403, { 'x-should-retry': 'true' }), clock)).toMatchObject({
      retry: 'no',
      otherEndpoint: false,
    });
  });

  it('of a used-up budget is not retried, but may go elsewhere', () => {
    const spent: readonly unknown[] = [
      JSON.parse(errorBody('anthropic-messages', 429, { code: 'enforced_spend_limit_reached' })),
      JSON.parse(errorBody('anthropic-messages', 429, { code: 'contract_spend_limit_reached' })),
      JSON.parse(errorBody('openai-chat', 429, { code: 'insufficient_quota' })),
      { error: { code: 'billing_hard_limit_reached' } },
    ];
    for (const body of spent)
      expect(rowOf(classify(answer(429), clock, body))).toEqual(['no', true, 'ignore', 'cool']);
    for (const body of [
      undefined,
      null,
      'insufficient_quota',
      [],
      {},
      { error: null },
      { error: 'x' },
      { error: { details: null } },
      { error: { code: ['x'] } },
    ]) {
      expect(classify(answer(429), clock, body).retry).toBe('throttled');
    }
  });

  it('tells its wait only when it is an error', () => {
    expect(classify(answer(429, { 'retry-after': '3' }), clock).retryAfterMs).toBe(3_000);
    expect(classify(answer(200, { 'retry-after': '3' }), clock).retryAfterMs).toBeUndefined();
    expect(classify(answer(429), clock).retryAfterMs).toBeUndefined();
  });
});

describe('an error', () => {
  const rows: Partial<Record<ErrorCode, Row>> = {
    connect_failed: ['at-once', true, 'failure', 'keep'],
    connect_timeout: ['at-once', true, 'failure', 'keep'],
    tls_failed: ['no', true, 'failure', 'keep'],
    connection_lost: ['backoff', true, 'failure', 'keep'],
    bad_answer: ['backoff', true, 'failure', 'keep'],
    first_event_timeout: ['backoff', true, 'failure', 'keep'],
    stream_cut: ['no', false, 'failure', 'keep'],
    stream_error: ['no', false, 'failure', 'keep'],
    idle_timeout: ['no', false, 'failure', 'keep'],
    answer_too_large: ['no', false, 'ignore', 'keep'],
    overloaded: ['backoff', false, 'ignore', 'keep'],
    circuit_open: ['no', true, 'ignore', 'keep'],
    credential_refused: ['no', true, 'ignore', 'keep'],
    rate_limited: ['no', true, 'ignore', 'keep'],
  };

  it.each(Object.keys(ERROR_CODES) as ErrorCode[])(
    '%s: by the table; our own refusals say nothing of the endpoint',
    (code) => {
      expect(rowOf(classify(new PipelineError(code), clock))).toEqual(
        rows[code] ?? ['no', false, 'ignore', 'keep'],
      );
    },
  );

  it('that says of itself that another try is of no use is believed', () => {
    const error = new PipelineError('connect_failed', { retryable: false, retryAfterMs: 5 });
    expect(classify(error, clock)).toMatchObject({
      retry: 'no',
      otherEndpoint: true,
      health: 'failure',
      retryAfterMs: 5,
    });
  });

  it('of a limit that says when it is over is a throttle', () => {
    expect(classify(new PipelineError('rate_limited', { retryAfterMs: 700 }), clock)).toEqual({
      retry: 'throttled',
      otherEndpoint: true,
      health: 'ignore',
      credential: 'keep',
      retryAfterMs: 700,
    });
    const longest = new PipelineError('rate_limited', { retryAfterMs: 700, retryable: false });
    expect(classify(longest, clock).retry).toBe('no');
  });

  it('that is none of ours decides nothing', () => {
    for (const odd of [new Error('x'), undefined, null, 'text', 503, { status: 503 }]) {
      expect(rowOf(classify(odd, clock))).toEqual(['no', false, 'ignore', 'keep']);
    }
  });
});
