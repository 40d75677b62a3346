import * as v from 'valibot';
import type { Moderator } from './moderator.ts';

const IS_NONE = 'is no moderator; give it { name, judge } or openaiModeration(…)';

const atLeast = (least: number): v.GenericSchema =>
  v.pipe(
    v.number('must be a whole number'),
    v.integer('must be a whole number'),
    v.minValue(least, `must be at least ${least}`),
  );

const fields = v.object({
  name: v.pipe(v.string('must be a name'), v.minLength(1, 'must be a name')),
  judge: v.custom((value) => typeof value === 'function', 'must be a function'),
  direction: v.exactOptional(v.picklist(['input', 'output'], 'must be input or output')),
  timeoutMs: v.exactOptional(atLeast(1)),
  concurrency: v.exactOptional(atLeast(1)),
  onError: v.exactOptional(v.picklist(['open', 'closed'], 'must be open or closed')),
  cacheEntries: v.exactOptional(atLeast(0)),
});

/** Checks a moderator, and hands it on as it is: it may be an object of a class. */
export const moderatorSchema: v.GenericSchema<unknown, Moderator> = v.pipe(
  v.custom<Moderator>((value) => typeof value === 'object' && value !== null, IS_NONE),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const { name, judge } = dataset.value as Partial<Moderator>;
    if (name === undefined && judge === undefined) {
      addIssue({ message: IS_NONE });
      return;
    }
    for (const { message, path } of v.safeParse(fields, dataset.value).issues ?? []) {
      addIssue(path === undefined ? { message } : { message, path });
    }
  }),
);
