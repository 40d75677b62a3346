import { PipelineError } from '@sluice/core';
import { anthropicStream, errorEvent, type ScriptedAnswer, streamAnswer } from '@sluice/core/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FAILOVER_JITTER_MS } from './backoff.ts';
import { afterAllWaits, bad, DIALECT, good, RESET } from './testing/retrying.ts';
import { routed, type Routed } from './testing/routed.ts';

const whom = ({ asked }: Routed): string => asked.map(({ id }) => id).join('');
const events = anthropicStream({ text: 'One two three' });

describe('a failed attempt goes to another endpoint at once', () => {
  test.each<[string, ScriptedAnswer]>([
    ['500', bad(500)],
    ['503', bad(503, { 'retry-after': '20' })],
    ['408', bad(408)],
    ['529', bad(529, { 'retry-after': '20' })],
    ['429', bad(429, { 'retry-after': '3600' })],
    ['429 that is a spend cap', bad(429, {}, 'enforced_spend_limit_reached')],
    ['401', bad(401)],
    ['402', bad(402)],
    ['an answer that says not to try again', bad(503, { 'x-should-retry': 'false' })],
    ['a lost connection', RESET],
    ['a connection that was not made', new PipelineError('connect_failed')],
    ['a certificate that does not fit', new PipelineError('tls_failed')],
    ['silence', new PipelineError('first_event_timeout')],
    ['an open circuit', new PipelineError('circuit_open', { retryAfterMs: 20_000 })],
  ])('after %s', async (_, failure) => {
    for (const stream of [false, true]) {
      const success = stream ? streamAnswer(events) : good();
      await using pipe = routed({ a: [failure], b: [success] });
      const pending = pipe.post({ stream });
      await pipe.clock.advance(FAILOVER_JITTER_MS);
      expect(whom(pipe)).toBe('ab');
      expect((await pending).status).toBe(200);
      await (await pending).text();
      expect(pipe.outcomes).toMatchObject([{ kind: 'completed', attempts: 2 }]);
      expect(pipe.outcomes[0]?.history.map(({ endpoint }) => endpoint?.id)).toEqual(['a', 'b']);
    }
  });

  test('and after an error event before the first content', async () => {
    await using pipe = routed({
      a: [streamAnswer([...events.slice(0, 1), errorEvent(DIALECT, 529)])],
      b: [streamAnswer(events)],
    });
    const pending = pipe.post({ stream: true });
    await pipe.clock.advance(FAILOVER_JITTER_MS);
    expect(await (await pending).text()).toBe(events.join(''));
    expect(whom(pipe)).toBe('ab');
  });

  test('within the retries that are allowed', async () => {
    await using pipe = routed({ a: [bad(503)], b: [bad(503)], c: [good()] }, { maxRetries: 1 });
    expect((await afterAllWaits(pipe, pipe.post())).status).toBe(503);
    expect(whom(pipe)).toBe('ab');
  });

  test('and is paid from the budget', async () => {
    await using pipe = routed({ a: [bad(503)], b: [good()] }, { budgetReserve: 1, budgetRatio: 0 });
    expect((await afterAllWaits(pipe, pipe.post())).status).toBe(200);
    expect((await pipe.post()).status).toBe(503);
    expect(whom(pipe)).toBe('aba');
  });
});

describe('a failed attempt stays where it was', () => {
  test.each<[string, ScriptedAnswer, string, number]>([
    ['400', bad(400), 'a', 400],
    ['404', bad(404), 'a', 404],
    ['403', bad(403), 'a', 403],
    ['403, whatever it says', bad(403, { 'x-should-retry': 'true' }), 'a', 403],
    ['413', bad(413), 'a', 413],
  ])('after %s', async (_, failure, order, status) => {
    await using pipe = routed({ a: [failure], b: [good()] });
    const response = await afterAllWaits(pipe, pipe.post());
    expect(response.status).toBe(status);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(whom(pipe)).toBe(order);
  });

  test.each([
    ['a dead key', bad(401)],
    ['a spend cap', bad(429, {}, 'insufficient_quota')],
  ])('when there is no other (%s)', async (_, failure) => {
    await using pipe = routed({ a: [failure] });
    expect((await afterAllWaits(pipe, pipe.post())).headers.get('x-should-retry')).toBe('false');
    expect(whom(pipe)).toBe('a');
  });
});

describe('when every endpoint has been tried', () => {
  test('a dead one is not asked again', async () => {
    await using pipe = routed({ a: [bad(401)], b: [bad(503)] }, { maxRetries: 4 });
    expect((await afterAllWaits(pipe, pipe.post())).status).toBe(503);
    expect(whom(pipe)).toBe('abbbb');
  });

  test('and all are dead, the last answer goes out', async () => {
    await using pipe = routed({ a: [bad(401)], b: [bad(402)] }, { maxRetries: 4 });
    expect((await afterAllWaits(pipe, pipe.post())).status).toBe(402);
    expect(whom(pipe)).toBe('ab');
  });

  test('one that asked for time is not asked before it has passed', async () => {
    const failing = { a: [bad(429, { 'retry-after': '20' })], b: [bad(503)] };
    await using pipe = routed(failing, { maxRetries: 3, baseDelayMs: 30_000 });
    await afterAllWaits(pipe, pipe.post());
    expect(pipe.asked.length).toBe(4);
    for (const { id, at } of pipe.asked.slice(1)) if (id === 'a') expect(at).toBeGreaterThanOrEqual(20_000);
  });

  test('the wait is as long as the first of them asks for', async () => {
    const failing = {
      a: [bad(429, { 'retry-after': '5' }), good()],
      b: [bad(429, { 'retry-after': '25' })],
    };
    await using pipe = routed(failing, { throttledDelayMs: 0 });
    expect((await afterAllWaits(pipe, pipe.post())).status).toBe(200);
    expect(whom(pipe)).toBe('aba');
    expect(pipe.asked[2]?.at).toBeGreaterThanOrEqual(5_000);
    expect(pipe.asked[2]?.at).toBeLessThanOrEqual(5_500);
  });
});

describe('an alternative that is gone when it comes to it', () => {
  test('leaves the first endpoint, after its wait', async () => {
    const failing = { a: [bad(503, { 'retry-after': '5' }), good()], b: [good()] };
    await using pipe = routed(failing, {}, { gone: ['b'] });
    expect((await afterAllWaits(pipe, pipe.post())).status).toBe(200);
    expect(whom(pipe)).toBe('aa');
    expect(pipe.asked[1]?.at).toBeGreaterThanOrEqual(5_000);
  });

  test('does not bring a dead endpoint back', async () => {
    await using pipe = routed({ a: [bad(401)], b: [good()] }, {}, { gone: ['b'] });
    const response = await afterAllWaits(pipe, pipe.post());
    expect(response.status).toBe(503);
    expect(whom(pipe)).toBe('a');
    expect(pipe.outcomes).toMatchObject([{ cause: { code: 'no_endpoint' } }]);
  });

  test('costs the budget nothing by itself', async () => {
    const failing = { a: [bad(503), good()], b: [good()] };
    await using pipe = routed(failing, { budgetReserve: 1, budgetRatio: 0 }, { gone: ['b'] });
    expect((await afterAllWaits(pipe, pipe.post())).status).toBe(200);
    expect(whom(pipe)).toBe('aa');
  });
});

test('whatever endpoints answer, none is asked too early, too often, or after it said never', async () => {
  const failures: readonly (() => ScriptedAnswer)[] = [
    () => bad(500),
    () => bad(503, { 'retry-after': '7' }),
    () => bad(429, { 'retry-after': '3' }),
    () => bad(429, {}, 'enforced_spend_limit_reached'),
    () => bad(529, { 'retry-after-ms': '11000' }),
    () => bad(401),
    () => bad(403),
    () => bad(404),
    () => bad(409),
    () => bad(503, { 'x-should-retry': 'false' }),
    () => RESET,
    () => new PipelineError('connect_failed'),
    () => new PipelineError('tls_failed'),
    good,
  ];
  const NEVER_AGAIN = new Set([3, 5, 9, 12]);
  const NEVER_ANYWHERE = new Set([6, 7, 13]);
  const FLOORS: Readonly<Record<number, number>> = { 1: 7_000, 2: 3_000, 4: 11_000 };
  const answers = fc.array(fc.nat(failures.length - 1), { minLength: 1, maxLength: 4 });

  await fc.assert(
    fc.asyncProperty(
      fc.array(answers, { minLength: 1, maxLength: 4 }),
      fc.nat(6),
      fc.array(fc.nat(3), { maxLength: 1 }),
      async (endpoints, maxRetries, gone) => {
        const ids = endpoints.map((_, i) => 'abcd'.charAt(i));
        const table = Object.fromEntries(
          endpoints.map((kinds, i) => [
            'abcd'.charAt(i),
            kinds.map((kind): ScriptedAnswer => (failures[kind] as () => ScriptedAnswer)()),
          ]),
        );
        const missing = gone.map((i) => ids[i]).filter((id) => id !== undefined && id !== 'a') as string[];
        await using pipe = routed(table, { maxRetries }, { gone: missing });
        const response = await afterAllWaits(pipe, pipe.post());
        await response.text();

        expect(pipe.asked.length).toBeLessThanOrEqual(maxRetries + 1);
        expect(pipe.outcomes).toHaveLength(1);
        expect(pipe.clock.pendingTimers).toBe(0);
        // Who is refused after one attempt may come back: with what it says it has made, that is one less.
        const invited = pipe.asked.length === 1 && gone.length > 0 && maxRetries > 0;
        if (response.status < 400) expect(response.headers.has('x-should-retry')).toBe(false);
        else if (!invited) expect(response.headers.get('x-should-retry')).toBe('false');
        const turns = new Map<string, number>();
        const notBefore = new Map<string, number>();
        for (const [i, { id, at }] of pipe.asked.entries()) {
          expect(at).toBeGreaterThanOrEqual(notBefore.get(id) ?? 0);
          const turn = turns.get(id) ?? 0;
          turns.set(id, turn + 1);
          const kinds = table[id] === undefined ? [] : (endpoints[ids.indexOf(id)] ?? []);
          const kind = kinds[Math.min(turn, kinds.length - 1)] ?? -1;
          if (NEVER_ANYWHERE.has(kind)) expect(i).toBe(pipe.asked.length - 1);
          notBefore.set(id, NEVER_AGAIN.has(kind) ? Infinity : at + (FLOORS[kind] ?? 0));
        }
      },
    ),
    { numRuns: 300 },
  );
});
