import { type State, validateOptions } from '@sluice/core';
import * as v from 'valibot';
import type { BatchProgress } from './progress.ts';
import type { BatchRequest } from './request.ts';

/** Headers by lower-case name. */
export type HeaderRecord = Readonly<Record<string, string>>;

/** Options of `batch`. */
export interface BatchOptions<R extends BatchRequest = BatchRequest> {
  /**
   * Calls in progress at most.
   *
   * @default 8
   */
  readonly concurrency?: number;
  /**
   * Results in the order of their items instead of as they end. A slow item then holds back those behind it, as many
   * as `readAhead` allows.
   *
   * @default false
   */
  readonly ordered?: boolean;
  /**
   * Items read beyond the results that were taken: calls in progress and results that wait, together. At least
   * `concurrency`.
   *
   * @default concurrency; with `ordered`, four times that
   */
  readonly readAhead?: number;
  /**
   * Ids of items that are done: they are skipped. A `Set`, or anything that can tell. See `resultsFile`.
   *
   * @default none
   */
  readonly completed?: {
    /** Whether the item is done. */
    has(customId: string): boolean;
  };
  /**
   * Headers of the calls, such as `x-api-key`; or a function that gives them for an item. `content-type` is added, and
   * `anthropic-version: 2023-06-01` to a call of the Messages API that has none.
   *
   * @default none
   */
  readonly headers?: HeaderRecord | ((request: R) => HeaderRecord);
  /**
   * Sets state of an item's call before the first plugin runs, for example its principal.
   *
   * @default nothing
   */
  readonly seed?: (state: State, request: R) => void;
  /**
   * Gives the batch up: calls in progress are aborted, their items end as canceled, and after the last result the
   * iteration throws the signal's reason.
   *
   * @default none
   */
  readonly signal?: AbortSignal;
  /**
   * Whether an item that fails ends the batch: nothing more is read, what is in progress goes on to its end.
   *
   * @default false
   */
  readonly stopOnError?: boolean;
  /**
   * Told after each item that has ended.
   *
   * @default nothing
   */
  readonly onProgress?: (progress: BatchProgress) => void;
  /**
   * How many items there will be, for `onProgress`.
   *
   * @default the length of `requests` when it is an array
   */
  readonly total?: number;
  /**
   * An answer longer than this is an error, in bytes.
   *
   * @default 67_108_864, 64 MiB
   */
  readonly maxAnswerBytes?: number;
  /**
   * No call begins for as long as a failed one was asked to wait (`retry-after`), up to this, in milliseconds. 0: goes
   * on at once.
   *
   * @default 300_000, 5 minutes
   */
  readonly maxPauseMs?: number;
}

/** The options, with defaults where none were given. */
export interface BatchSettings<R extends BatchRequest> {
  readonly concurrency: number;
  readonly ordered: boolean;
  readonly readAhead: number;
  readonly completed: { has(customId: string): boolean };
  readonly headersOf: (request: R) => HeaderRecord;
  readonly seed: BatchOptions<R>['seed'];
  readonly signal: AbortSignal | undefined;
  readonly stopOnError: boolean;
  readonly onProgress: BatchOptions<R>['onProgress'];
  readonly total: number | undefined;
  readonly maxAnswerBytes: number;
  readonly maxPauseMs: number;
}

const count = (least: number) =>
  v.exactOptional(
    v.pipe(
      v.number('must be a whole number'),
      v.integer('must be a whole number'),
      v.minValue(least, `must be at least ${least}`),
    ),
  );
const flag = v.exactOptional(v.boolean('must be true or false'));
const callback = v.exactOptional(v.function('must be a function'));

const schema = v.pipe(
  v.strictObject({
    // As many as a pipeline admits by default.
    concurrency: v.exactOptional(
      v.pipe(
        v.number('must be a whole number'),
        v.integer('must be a whole number'),
        v.minValue(1, 'must be at least 1'),
        v.maxValue(4_096, 'must be at most 4096'),
      ),
    ),
    ordered: flag,
    readAhead: count(1),
    completed: v.exactOptional(
      v.custom<{ has(customId: string): boolean }>(
        (value) => typeof value === 'object' && value !== null && 'has' in value,
        'must have a method "has", as a Set has',
      ),
    ),
    headers: v.exactOptional(
      v.union([v.record(v.string(), v.string()), v.function()], 'must be { name: value } or a function'),
    ),
    seed: callback,
    signal: v.exactOptional(v.instance(AbortSignal, 'must be an AbortSignal')),
    stopOnError: flag,
    onProgress: callback,
    total: count(0),
    maxAnswerBytes: count(1),
    maxPauseMs: v.exactOptional(
      v.pipe(v.number('must be a number of milliseconds'), v.minValue(0, 'must be at least 0')),
    ),
  }),
  v.check(
    ({ concurrency = DEFAULT_CONCURRENCY, readAhead = concurrency }) => readAhead >= concurrency,
    '"readAhead" must be at least "concurrency"',
  ),
);

const DEFAULT_CONCURRENCY = 8;

/**
 * Checks the options and fills in the defaults.
 *
 * @throws TypeError One sentence that says what to do.
 */
export function batchSettings<R extends BatchRequest>(options: BatchOptions<R>): BatchSettings<R> {
  const checked = validateOptions('batch', schema, options) as BatchOptions<R>;
  const { concurrency = DEFAULT_CONCURRENCY, ordered = false, headers = {} } = checked;
  return {
    concurrency,
    ordered,
    readAhead: checked.readAhead ?? (ordered ? 4 * concurrency : concurrency),
    completed: checked.completed ?? new Set(),
    headersOf: typeof headers === 'function' ? headers : () => headers,
    seed: checked.seed,
    signal: checked.signal,
    stopOnError: checked.stopOnError ?? false,
    onProgress: checked.onProgress,
    total: checked.total,
    maxAnswerBytes: checked.maxAnswerBytes ?? 64 << 20,
    maxPauseMs: checked.maxPauseMs ?? 300_000,
  };
}
