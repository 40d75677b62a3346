import { type Clock, CLOCK, provide } from '@sluice/core';
import { describe, expect, it } from 'vitest';
import { OPERATORS_KEY } from '../integration/standard-stage.ts';
import { countedClock } from '../support/counted-clock.ts';
import { MOUNTS } from '../support/mounts.ts';
import { expectEnding } from './expect-ending.ts';
import { ANSWERED, type Expected, type Fault } from './fault.ts';
import { PLAIN_FAULTS, STREAM_FAULTS } from './faults.ts';
import { nothingIsLeft } from './nothing-is-left.ts';
import { seeByFetch, type Seen, seeBySocket } from './see.ts';
import { type WholeStage, wholeStage } from './whole-stage.ts';

/** `fetch`, and every framework over a socket with nothing between the test and the bytes. */
const WAYS = MOUNTS.filter(({ name }) =>
  ['pipeline.fetch', 'node:http', 'Express 5', 'Koa 3', 'a web server'].includes(name),
).map((mount) => ({ mount, see: mount.isAdapter ? seeBySocket : seeByFetch, all: !mount.isAdapter }));

const KINDS = [
  { stream: true, faults: STREAM_FAULTS },
  { stream: false, faults: PLAIN_FAULTS },
];
const ATTEMPTS = 3;
const QUESTION = {
  model: 'claude-haiku-4-5',
  max_tokens: 1024,
  messages: [{ role: 'user', content: 'Hello' }],
};

const uncaught = nothingIsLeft();

describe.each(WAYS)('the standard pipeline, through $mount.name,', ({ mount, see, all }) => {
  describe.each(KINDS)('streamed: $stream', ({ stream, faults }) => {
    const meet = async (fault: Fault, times: 'once' | 'always'): Promise<void> => {
      const throttled = fault.standard?.exhausted?.status === 429;
      await using stage = await wholeStage(mount, {
        ...(throttled && times === 'always' ? { services: [provide(CLOCK, minuteBehind)] } : {}),
        ...(fault.timeouts === undefined ? {} : { timeouts: fault.timeouts }),
        ...(fault.transport === undefined ? {} : { transport: fault.transport }),
      });
      if (times === 'once') stage.eu.reply(fault.behaviour);
      else for (const region of [stage.eu, stage.us]) region.script(() => fault.behaviour);
      const seen = await see(stage, { ...QUESTION, stream }, stage.keys.acme);
      const answered = times === 'once' && saved(fault);
      const expected = answered ? ANSWERED : (fault.standard?.exhausted ?? fault.exhausted ?? fault.expected);
      expectEnding(seen, expected, stream);
      expectNoSecret(seen);
      await stage.expectInOrder(1);
      const most = times === 'once' ? 2 : (fault.standard?.attempts ?? ATTEMPTS);
      expectOutcome(stage, expected, saved(fault) ? most : 1);
      expect(uncaught).toEqual([]);
    };
    // What another attempt has saved looks the same behind every mount: an answer.
    const met = faults.filter((fault) => all || !saved(fault));
    // Those that wait for a clock wait together.
    it.each(met.filter(isQuick))('$name, once', (fault) => meet(fault, 'once'));
    it.concurrent.each(met.filter(isSlow))('$name, once', (fault) => meet(fault, 'once'));
    const again = met.filter(saved);
    it.each(again.filter(isQuick))('$name, always', (fault) => meet(fault, 'always'));
    it.concurrent.each(again.filter(isSlow))('$name, always', (fault) => meet(fault, 'always'));
  });
});

/** To it, a limit that is there again in the next second is so in a minute: too long for retry to wait for. */
function minuteBehind(): Clock {
  const clock = countedClock();
  return Object.create(clock, { wallTime: { value: () => clock.wallTime() - 60_000 } }) as Clock;
}

const isSlow = ({ timeouts }: Fault): boolean => timeouts !== undefined;
const isQuick = (fault: Fault): boolean => !isSlow(fault);

/** Whether another attempt, at another endpoint or with another key, is made. */
function saved({ retried, standard }: Fault): boolean {
  return retried || standard?.elsewhere === true;
}

function expectOutcome({ outcomes, eu, us }: WholeStage, expected: Expected, attempts: number): void {
  const { outcome: kind, status, code } = expected;
  expect(outcomes[0]).toMatchObject({ kind, status, attempts });
  expect((outcomes[0]?.cause as { code?: string } | undefined)?.code).toBe(code);
  expect(eu.requests.length + us.requests.length).toBe(attempts);
}

function expectNoSecret({ headers, body }: Seen): void {
  expect(`${JSON.stringify(headers)}${body}`).not.toContain(OPERATORS_KEY);
}
