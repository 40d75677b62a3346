import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Deadlines, type Timed } from './deadlines.ts';
import { type FakeClock, fakeClock } from './testing/fake-clock.ts';

class Watched {
  readonly clock: FakeClock = fakeClock();
  readonly list: Timed[] = [];
  readonly expired: [number, number][] = [];
  readonly deadlines = new Deadlines(this.clock, this.list);

  add(afterMs: number): Timed {
    const timed: Timed = {
      deadline: this.clock.now() + afterMs,
      expire: () => {
        this.expired.push([timed.deadline, this.clock.now()]);
        this.remove(timed);
      },
    };
    this.list.push(timed);
    this.deadlines.added(timed);
    return timed;
  }

  remove(timed: Timed): void {
    this.list.splice(this.list.indexOf(timed), 1);
    this.deadlines.removed();
  }
}

it('expires each at its own time, on one timer', async () => {
  const watched = new Watched();
  for (const afterMs of [300, 100, 200, 100]) watched.add(afterMs);
  expect(watched.clock.pendingTimers).toBe(1);
  await watched.clock.advance(1_000);
  expect(watched.expired).toEqual([
    [100, 100],
    [100, 100],
    [200, 200],
    [300, 300],
  ]);
  expect(watched.clock.pendingTimers).toBe(0);
});

it('has a timer exactly while something is in progress, even if that has no end', () => {
  const watched = new Watched();
  const one = watched.add(100);
  const other = watched.add(Infinity);
  watched.remove(one);
  expect(watched.clock.pendingTimers).toBe(1);
  watched.remove(other);
  expect(watched.clock.pendingTimers).toBe(0);
  watched.add(Infinity);
  expect(watched.clock.pendingTimers).toBe(1);
});

it('expires all that is due and nothing else, whatever comes and goes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ waitMs: fc.nat(50), afterMs: fc.nat(200), endsMs: fc.nat(200) }), {
        maxLength: 30,
      }),
      async (steps) => {
        const watched = new Watched();
        const due: number[] = [];
        for (const { waitMs, afterMs, endsMs } of steps) {
          await watched.clock.advance(waitMs);
          const timed = watched.add(afterMs);
          if (endsMs < afterMs) watched.clock.setTimeout(() => watched.remove(timed), endsMs);
          else due.push(timed.deadline);
        }
        await watched.clock.advance(1_000);
        expect(watched.expired).toEqual(due.toSorted((a, b) => a - b).map((at) => [at, at]));
        expect(watched.clock.pendingTimers).toBe(0);
      },
    ),
    { numRuns: 100 },
  );
});
