import { anthropicMessage, type TestPipeline, testPipeline } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import { Feed, type Viewer } from './feed.ts';
import { inspector, inspectorHandle } from './index.ts';

const answer = (): Response =>
  new Response(anthropicMessage(), { headers: { 'content-type': 'application/json' } });

interface Watched {
  readonly pipe: TestPipeline;
  readonly feed: Feed;
  call(): Promise<void>;
}

function watched(): Watched {
  const handle = inspectorHandle();
  const pipe = testPipeline({
    plugins: [inspector({ handle })],
    answers: Array.from({ length: 1_000 }, () => answer),
  });
  return {
    pipe,
    feed: new Feed(pipe.pipeline, handle.records, 2),
    call: async () => void (await (await pipe.post()).text()),
  };
}

/** A viewer that keeps what it is told, parsed. */
function viewer(): Viewer & { readonly told: Record<string, unknown>[]; ended: boolean } {
  const told: Record<string, unknown>[] = [];
  return {
    told,
    ended: false,
    send(text) {
      expect(text).toMatch(/^data: [^\n]+\n\n$/);
      told.push(JSON.parse(text.slice(6)) as Record<string, unknown>);
    },
    end() {
      this.ended = true;
    },
  };
}

test('a viewer gets everything first, then what has changed, four times a second at most', async () => {
  const { pipe, feed, call } = watched();
  await call();
  const one = viewer();
  feed.join(one);
  expect(one.told).toHaveLength(1);
  expect(one.told[0]).toMatchObject({
    totals: { served: 1 },
    live: { inFlight: 0 },
    answers: { served: 1 },
    pipeline: { upstream: 'upstream.test', plugins: [{ name: 'test-outcomes' }, { name: 'inspector' }] },
  });
  expect(one.told[0]?.['ended']).toBeUndefined();
  await pipe.clock.advance(2_000);
  const settled = one.told.length;
  for (let n = 0; n < 20; n++) await call();
  await pipe.clock.advance(249);
  expect(one.told.length - settled).toBeLessThanOrEqual(1);
  await pipe.clock.advance(1);
  const [news] = one.told.slice(settled);
  expect(news).toMatchObject({ totals: { served: 21 } });
  expect(news?.['ended']).toHaveLength(20);
  await pipe.clock.advance(10_000);
  // Nothing happens: only the seconds go on, and the sums of five minutes now and then.
  const idle = one.told.slice(settled + 5).map((each) => Object.keys(each).join());
  expect(new Set(idle)).toEqual(new Set(['seconds']));
  feed.leave(one);
});

test('of an outburst, the last 64 calls are told one by one, and all are counted', async () => {
  const { pipe, feed, call } = watched();
  const one = viewer();
  feed.join(one);
  for (let n = 0; n < 200; n++) await call();
  await pipe.clock.advance(250);
  expect(one.told[1]?.['ended']).toHaveLength(64);
  expect(one.told[1]).toMatchObject({ totals: { served: 200 } });
  feed.leave(one);
});

test('nothing is looked at while nobody watches', async () => {
  const { pipe, feed, call } = watched();
  const idle = pipe.clock.pendingTimers;
  const one = viewer();
  const two = viewer();
  feed.join(one);
  feed.join(two);
  expect(pipe.clock.pendingTimers).toBe(idle + 1);
  expect(feed.hasRoom).toBe(false);
  feed.leave(one);
  feed.leave(one);
  expect(pipe.clock.pendingTimers).toBe(idle + 1);
  feed.leave(two);
  expect(pipe.clock.pendingTimers).toBe(idle);
  await call();
  feed.join(one);
  await pipe.clock.advance(250);
  // What ended before is history, and no dot.
  expect(one.told.slice(1).every((each) => each['ended'] === undefined)).toBe(true);
  feed.close();
  expect(one.ended).toBe(true);
  expect(pipe.clock.pendingTimers).toBe(idle);
});
