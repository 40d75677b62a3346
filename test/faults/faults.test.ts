import { CLOCK, provide } from '@sluice/core';
import { retry } from '@sluice/retry';
import { describe, expect, it } from 'vitest';
import { type CountedClock, countedClock } from '../support/counted-clock.ts';
import { MOUNTS } from '../support/mounts.ts';
import { type Stage, stageFor } from '../support/stage.ts';
import { ANSWERED, type Expected, type Fault } from './fault.ts';
import { expectEnding } from './expect-ending.ts';
import { PLAIN_FAULTS, STREAM_FAULTS } from './faults.ts';
import { nothingIsLeft } from './nothing-is-left.ts';
import { type See, seeByFetch, seeBySocket } from './see.ts';

/** Before this clock runs out, a test has failed by another. */
const LONG = {
  connectMs: 20_000,
  firstEventMs: 20_000,
  idleMs: 20_000,
  totalMs: 20_000,
  streamedTotalMs: 20_000,
};
const RETRY = retry({ baseDelayMs: 0, throttledDelayMs: 0 });
const ATTEMPTS = 3;

const QUESTION = {
  model: 'claude-opus-5-5',
  max_tokens: 1024,
  messages: [{ role: 'user', content: 'Hello' }],
};

const uncaught = nothingIsLeft();

const WAYS: readonly { readonly name: string; readonly see: See }[] = [
  { name: 'pipeline.fetch', see: seeByFetch },
  { name: 'node:http', see: seeBySocket },
];
const KINDS = [
  { kind: 'a stream', stream: true, faults: STREAM_FAULTS },
  { kind: 'a whole answer', stream: false, faults: PLAIN_FAULTS },
];

describe.each(WAYS)('through $name', ({ name, see }) => {
  const mount = MOUNTS.find((one) => one.name === name) ?? expect.fail(`no mount ${name}`);

  describe.each(KINDS)('for $kind', ({ stream, faults }) => {
    const body = { ...QUESTION, stream };

    const inStage = async (
      fault: Fault,
      retried: boolean,
      test: (stage: Stage) => Promise<void>,
    ): Promise<void> => {
      const clock = countedClock();
      const stage = await stageFor(mount, {
        pipeline: {
          plugins: retried ? [RETRY] : [],
          services: [provide(CLOCK, () => clock)],
          timeouts: { ...LONG, ...fault.timeouts },
          ...(fault.transport === undefined ? {} : { transport: fault.transport }),
        },
      });
      try {
        await test(stage);
        await expectAllReleased(stage, clock);
      } finally {
        await stage[Symbol.asyncDispose]();
      }
      expect(uncaught).toEqual([]);
    };

    // Those that wait for a clock wait together.
    const quick = faults.filter(({ timeouts }) => timeouts === undefined);
    const slow = faults.filter(({ timeouts }) => timeouts !== undefined);

    const alone = async (fault: Fault): Promise<void> => {
      await inStage(fault, false, async (stage) => {
        stage.upstream.reply(fault.behaviour);
        expectEnding(await see(stage, body), fault.expected, stream);
        await expectOutcome(stage, fault.expected, 1);
      });
    };

    const once = async (fault: Fault): Promise<void> => {
      await inStage(fault, true, async (stage) => {
        stage.upstream.reply(fault.behaviour);
        const expected = fault.retried ? ANSWERED : (fault.exhausted ?? fault.expected);
        expectEnding(await see(stage, body), expected, stream);
        await expectOutcome(stage, expected, fault.retried ? 2 : 1);
      });
    };

    const always = async (fault: Fault): Promise<void> => {
      await inStage(fault, true, async (stage) => {
        stage.upstream.script(() => fault.behaviour);
        const expected = fault.exhausted ?? fault.expected;
        const seen = await see(stage, body);
        expectEnding(seen, expected, stream);
        expect(seen.headers['x-should-retry']).toBe('false');
        await expectOutcome(stage, expected, ATTEMPTS);
      });
    };

    const again = ({ retried }: Fault): boolean => retried;
    it.each(quick)('$name', alone);
    it.concurrent.each(slow)('$name', alone);
    it.each(quick)('$name, with retry, once', once);
    it.concurrent.each(slow)('$name, with retry, once', once);
    it.each(quick.filter(again))('$name, with retry, always', always);
    it.concurrent.each(slow.filter(again))('$name, with retry, always', always);
  });
});

/** One outcome, and as many requests as there were attempts. */
async function expectOutcome(stage: Stage, expected: Expected, attempts: number): Promise<void> {
  const { outcome: kind, status, code } = expected;
  const outcome = await stage.outcome(1);
  expect(outcome).toMatchObject({ kind, status, attempts });
  expect((outcome.cause as { code?: string } | undefined)?.code).toBe(code);
  expect(stage.upstream.requests).toHaveLength(attempts);
}

/** Nothing of the call is left. */
async function expectAllReleased(
  { outcomes, pipeline, upstream }: Stage,
  clock: CountedClock,
): Promise<void> {
  await Promise.all(upstream.requests.map((request) => request.closed));
  expect(upstream.openStreams).toBe(0);
  expect(clock.pendingTimers).toBe(0);
  await pipeline.drain();
  expect(outcomes).toHaveLength(1);
}
