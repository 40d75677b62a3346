import { CLOCK, provide } from '@sluice/core';
import { anthropicMessage, testPipeline } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import {
  inspectLimits,
  LIMIT_STORE,
  type LimitEvent,
  type LimitRule,
  type LimitStore,
  memoryLimitStore,
  rateLimit,
} from './index.ts';

const RULES: readonly LimitRule[] = [
  { name: 'quota', of: 'requests', limit: 1_000, calendar: 'month', onOutage: 'local' },
];

/** Ten calls of an outage. When the store comes back it does not say that it was told of the tenth, and goes once more. */
async function brokenFlush(awayMs: number): Promise<{ charged: number | undefined; lost: number }> {
  let memory!: LimitStore;
  let down = true;
  let told = 0;
  let mute = false;
  const up = <T>(value: () => T | Promise<T>): Promise<T> =>
    down ? Promise.reject(new Error('down')) : Promise.resolve(value());
  const store: LimitStore = {
    reserve: (reservation) => up(() => memory.reserve(reservation)),
    settle: (settlement) =>
      up(() => {
        const settled = memory.settle(settlement);
        if (!mute || ++told < 10) return settled;
        down = true;
        return new Promise<never>(() => undefined);
      }),
    renew: () => undefined,
    lower: () => undefined,
  };
  const events: LimitEvent[] = [];
  await using pipe = testPipeline({
    answers: Array.from({ length: 10 }, () => () => new Response(anthropicMessage())),
    plugins: [rateLimit({ rules: RULES, instances: 1, onEvent: (event) => events.push(event) })],
    services: [
      provide(
        LIMIT_STORE,
        ({ clock }) => {
          memory = memoryLimitStore({ clock });
          return store;
        },
        { clock: CLOCK },
      ),
    ],
  });
  for (let n = 0; n < 10; n++) await (await pipe.post()).text();
  [down, mute] = [false, true];
  await pipe.clock.advance(5_100);
  expect(down).toBe(true);
  await pipe.clock.advance(awayMs);
  [down, mute] = [false, false];
  await pipe.clock.advance(6_000);
  expect(events.at(-1)?.type).toBe('store-back');
  const [quota] = await inspectLimits(memory, { rules: RULES, names: {} });
  const lost = events.reduce((sum, event) => sum + (event.type === 'settlement-lost' ? event.calls : 0), 0);
  return { charged: quota?.used, lost };
}

test.each([0, 90_000, 1_500_000])(
  'a store that goes once more while it is told what was used charges it once, %i ms later',
  async (awayMs) => {
    expect(await brokenFlush(awayMs)).toEqual({ charged: 10, lost: 0 });
  },
);

test('what a store may have been told too long ago is given up, and not charged twice', async () => {
  expect(await brokenFlush(7_200_000)).toEqual({ charged: 10, lost: 1 });
});
