import { fakeClock, fakeRandom } from '@sluice/core/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KeyPool } from './key-pool.ts';
import { Secret } from './secret.ts';
import { type KeyVersion, UpstreamKey } from './upstream-key.ts';

const MODELS = ['small', 'large'];
const OVERLAP_MS = 50;

type Step =
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'cool'; readonly key: number; readonly model: number; readonly ms: number }
  | { readonly do: 'quarantine'; readonly key: number; readonly ms: number }
  | { readonly do: 'rotate'; readonly key: number; readonly lifeMs: number }
  | { readonly do: 'pick'; readonly model: number; readonly who: string | undefined; readonly not: number };

const index = fc.nat({ max: 3 });
const model = fc.nat({ max: 1 });
const ms = fc.nat({ max: 100 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('wait' as const), ms }),
  fc.record({ do: fc.constant('cool' as const), key: index, model, ms }),
  fc.record({ do: fc.constant('quarantine' as const), key: index, ms }),
  fc.record({ do: fc.constant('rotate' as const), key: index, lifeMs: fc.nat({ max: 300 }) }),
  fc.record({
    do: fc.constant('pick' as const),
    model,
    who: fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined }),
    not: fc.nat({ max: 7 }),
  }),
);

/** What is known of a version, kept the simple way. */
interface Fact {
  readonly version: KeyVersion;
  readonly expiresAt: number;
  replacedAt: number;
  outUntil: number;
}

describe('a pool', () => {
  test('gives a key that may be used whenever there is one, and none otherwise', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(step, { maxLength: 60 }),
        async (size, steps) => {
          const clock = fakeClock();
          const keys = Array.from(
            { length: size },
            (_, i) => new UpstreamKey(`key-${i}`, 'default', undefined, clock),
          );
          const facts = keys.map((): Fact[] => []);
          const restsUntil = keys.map(() => MODELS.map(() => -Infinity));
          const pool = new KeyPool(keys, fakeRandom());
          let made = 0;
          const rotate = (i: number, lifeMs: number): void => {
            const key = keys[i] as UpstreamKey;
            const before = facts[i]?.at(-1);
            if (before !== undefined) before.replacedAt = clock.now();
            const expiresAt = clock.wallTime() + lifeMs;
            key.rotate({ secret: new Secret(`secret-${made++}`), expiresAt }, OVERLAP_MS);
            facts[i]?.push({
              version: key.current as KeyVersion,
              expiresAt,
              replacedAt: Infinity,
              outUntil: -Infinity,
            });
            restsUntil[i]?.fill(-Infinity);
          };
          const good = ({ expiresAt, replacedAt, outUntil }: Fact): boolean =>
            clock.wallTime() < expiresAt && clock.now() < replacedAt + OVERLAP_MS && clock.now() >= outUntil;
          const usable = (i: number, forModel: number): boolean =>
            (facts[i]?.slice(-2).some(good) ?? false) && clock.now() >= (restsUntil[i]?.[forModel] ?? 0);

          for (let i = 0; i < size; i++) rotate(i, 200);
          for (const one of steps) {
            if (one.do === 'wait') {
              await clock.advance(one.ms);
            } else if (one.do === 'pick') {
              const not = keys[one.not];
              const picked = pool.pick(MODELS[one.model] as string, one.who, clock.now(), not);
              const may = keys.filter((key, i) => key !== not && usable(i, one.model));
              if (may.length === 0) expect(picked).toBeUndefined();
              else expect(may).toContain(picked);
              if (one.who !== undefined) {
                expect(pool.pick(MODELS[one.model] as string, one.who, clock.now(), not)).toBe(picked);
              }
              const sent = picked?.version();
              if (sent !== undefined)
                expect(
                  facts
                    .flat()
                    .filter(good)
                    .map(({ version }) => version),
                ).toContain(sent);
            } else if (one.key < size) {
              const key = keys[one.key] as UpstreamKey;
              if (one.do === 'rotate') rotate(one.key, one.lifeMs);
              if (one.do === 'cool') {
                const rests = restsUntil[one.key] as number[];
                key.cool(MODELS[one.model] as string, one.ms, '');
                rests[one.model] = Math.max(rests[one.model] as number, clock.now() + one.ms);
              }
              if (one.do === 'quarantine') {
                const fact = facts[one.key]?.at(-1) as Fact;
                key.quarantine(fact.version, one.ms, '');
                fact.outUntil = clock.now() + one.ms;
              }
            }
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test('moves only the callers of a key that rests', () => {
    const clock = fakeClock();
    const keys = Array.from(
      { length: 5 },
      (_, i) => new UpstreamKey(`key-${i}`, 'default', undefined, clock),
    );
    for (const [i, key] of keys.entries())
      key.rotate({ secret: new Secret(`s${i}`), expiresAt: Infinity }, 0);
    const pool = new KeyPool(keys, fakeRandom());
    const who = Array.from({ length: 1_000 }, (_, i) => `tenant-${i}`);
    const before = who.map((one) => pool.pick('m', one, 0));
    const counts = keys.map((key) => before.filter((one) => one === key).length);
    for (const count of counts) expect(Math.abs(count - 200)).toBeLessThan(60);
    keys[2]?.cool('m', 1_000, '');
    for (const [i, one] of who.entries()) {
      const after = pool.pick('m', one, 0);
      if (before[i] === keys[2]) expect(after).not.toBe(keys[2]);
      else expect(after).toBe(before[i]);
    }
  });

  test('remembers so many models at most that rest, whatever names callers make up', () => {
    const key = new UpstreamKey('key', 'default', undefined, fakeClock());
    for (let i = 0; i < 1_000; i++) key.cool(`model-${i}`, 1_000, '');
    const resting = key.cooling(0);
    expect(resting).toHaveLength(256);
    expect(resting.at(-1)?.model).toBe('model-999');
  });
});
