import { PipelineError } from '@sluice/core';
import {
  anthropicMessage,
  type AnswerPiece,
  fakeRandom,
  type ScriptedAnswer,
  streamAnswer,
  type TestPipeline,
} from '@sluice/core/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { afterAllWaits, bad, good, JSON_TYPE, RESET, retrying } from './testing/retrying.ts';

const whole = anthropicMessage();
/** An answer that is not streamed, in pieces. */
const pieces = (...given: readonly AnswerPiece[]): ScriptedAnswer =>
  streamAnswer(given, { headers: JSON_TYPE });

/** Answers after a while on the pipeline's clock. */
const late =
  (pipe: () => TestPipeline, ms: number, answer: Response): ScriptedAnswer =>
  () =>
    new Promise((resolve) => {
      pipe().clock.setTimeout(() => {
        resolve(answer);
      }, ms);
    });

describe('an attempt that took long before it failed', () => {
  test.each([
    [90_000, 2],
    [90_001, 1],
  ])('(%i ms) makes for %i attempts in all', async (ms, attempts) => {
    await using pipe: TestPipeline = retrying([late(() => pipe, ms, bad(500)), good()]);
    await (await afterAllWaits(pipe, pipe.post())).text();
    expect(pipe.transport.requests).toHaveLength(attempts);
  });

  test('is not repeated when another one before it was quick, either', async () => {
    const options = { retryWithinMs: 1_000 };
    await using pipe: TestPipeline = retrying([bad(500), late(() => pipe, 2_000, bad(504)), good()], options);
    const response = await afterAllWaits(pipe, pipe.post());
    expect(response.status).toBe(504);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(pipe.transport.requests).toHaveLength(2);
  });

  test('and a wait, however long, is not counted as part of it', async () => {
    const options = { retryWithinMs: 1_000, baseDelayMs: 20_000 };
    await using pipe = retrying([bad(500), bad(500), good()], options);
    expect((await afterAllWaits(pipe, pipe.post())).status).toBe(200);
  });
});

describe('an attempt of which nobody knows what became', () => {
  const lost: readonly (readonly [string, ScriptedAnswer])[] = [
    ['whose connection was lost', RESET],
    ['that was silent', new PipelineError('first_event_timeout')],
    ['whose answer was cut', pieces(whole.slice(0, -5))],
    ['whose answer was reset', pieces(whole.slice(0, 20), RESET)],
  ];

  test.each(lost)('(%s) is repeated', async (_, failure) => {
    await using pipe = retrying([failure, good()]);
    const response = await afterAllWaits(pipe, pipe.post());
    expect(await response.text()).toBe(whole);
    expect(pipe.outcomes).toMatchObject([{ kind: 'completed', attempts: 2 }]);
  });

  test.each(lost)('(%s) is not, if that is what the operator wants', async (_, failure) => {
    await using pipe = retrying([failure, good()], { retryUnanswered: false });
    const response = await afterAllWaits(pipe, pipe.post());
    expect(response.status).toBeGreaterThan(501);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(pipe.transport.requests).toHaveLength(1);
  });

  test.each<[string, ScriptedAnswer]>([
    ['was not sent', new PipelineError('connect_failed')],
    ['was answered with an error', bad(503)],
    ['was not accepted', bad(429)],
  ])('is another matter than one that %s', async (_, failure) => {
    await using pipe = retrying([failure, good()], { retryUnanswered: false });
    expect((await afterAllWaits(pipe, pipe.post())).status).toBe(200);
  });

  test('counts against the budget when its whole answer was cut', async () => {
    const cut = pieces(whole.slice(0, -1));
    await using pipe = retrying([cut, good()], { budgetReserve: 0, budgetRatio: 0 });
    const response = await pipe.post();
    expect(response.status).toBe(502);
    expect(pipe.outcomes).toMatchObject([{ attempts: 1, cause: { code: 'connection_lost' } }]);
    await response.text();
  });
});

describe('the retries of the SDK outside', () => {
  const saying = (count: string): RequestInit => ({
    headers: { ...JSON_TYPE, 'x-stainless-retry-count': count },
  });

  test.each([
    ['0', 3],
    ['1', 2],
    ['2', 1],
    ['3', 1],
    ['999999', 1],
    // Nothing that it could say gives more.
    ['-1', 3],
    ['1.5', 3],
    ['many', 3],
    ['', 3],
    ['99999999999999999999', 3],
  ])('that it calls %j leave %i attempts', async (count, attempts) => {
    await using pipe = retrying(Array.from({ length: 4 }, () => bad(500)));
    const response = await afterAllWaits(pipe, pipe.post({}, saying(count)));
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(pipe.transport.requests).toHaveLength(attempts);
  });

  test('and ours are never more than ours alone, whatever happens', async () => {
    const failures: readonly (() => ScriptedAnswer)[] = [
      () => bad(500),
      () => bad(429),
      () => bad(401),
      () => bad(529, { 'retry-after': '3600' }),
      () => RESET,
      () => new PipelineError('connect_failed'),
      () => new PipelineError('circuit_open'),
      () => new PipelineError('rate_limited'),
      () => new PipelineError('quota_exceeded'),
      () => pieces(whole.slice(0, -1)),
    ];
    const path = fc.constantFrom('/v1/messages', '/v1/messages/batches');
    const script = fc.array(fc.nat(failures.length - 1), { minLength: 60, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(path, script, fc.nat(4), fc.nat(4), async (target, kinds, maxRetries, sdkRetries) => {
        const answers = kinds.map((kind) => (failures[kind] as () => ScriptedAnswer)());
        await using pipe = retrying(answers, { maxRetries, budgetReserve: 1_000 });
        // As both official SDKs do.
        for (let count = 0; count <= sdkRetries; count++) {
          const pending = pipe.pipeline.fetch(`https://caller.test${target}`, {
            method: 'POST',
            body: JSON.stringify({ model: 'any', messages: [] }),
            ...saying(String(count)),
          });
          const response = await afterAllWaits(pipe, pending);
          await response.text();
          const retried = response.status > 407 && response.headers.get('x-should-retry') !== 'false';
          if (!retried) break;
        }
        expect(pipe.transport.requests.length).toBeLessThanOrEqual(1 + maxRetries);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a total outage', () => {
  test.each([
    ['one call a second', 1_000, false],
    ['twenty calls a second', 50, false],
    ['a thousand streams a second', 1, true],
  ])('at %s costs a fifth more', async (_, everyMs, stream) => {
    const calls = 3_000;
    const down: ScriptedAnswer = stream
      ? (request, ctx) => streamAnswer([])(request, ctx)
      : () => bad(503, { 'retry-after': '1' });
    await using pipe = retrying(Array.from({ length: calls * 3 }, () => down));
    const random = fakeRandom(3);
    const statuses: Promise<number>[] = [];
    for (let call = 0; call < calls; call++) {
      statuses.push(pipe.post({ stream }).then(async (response) => (await response.text(), response.status)));
      // Some arrive together.
      if (random.next() < 0.2) await pipe.clock.advance(everyMs * 5);
    }
    await pipe.clock.advance(60_000);
    for (const status of await Promise.all(statuses)) expect(status).toBe(stream ? 502 : 503);
    expect(pipe.transport.requests.length).toBeLessThanOrEqual(calls * 1.2 + 1);
    expect(pipe.transport.requests.length).toBeGreaterThan(calls * 1.15);
    expect(pipe.clock.pendingTimers).toBe(0);
  });
});
