import type { ErrorCode, Usage } from '@sluice/core';
import type { BatchRequest } from './request.ts';

/** The call was answered. */
export interface SucceededItem {
  /** Tells the three kinds apart. */
  readonly type: 'succeeded';
  /** The provider's answer, parsed: a message, a completion, whatever the path gives. */
  readonly message: unknown;
  /** Tokens as the provider counted them; undefined when it did not say. */
  readonly usage: Usage | undefined;
  /** Attempts that were made upstream; 0 for an answer from a cache. */
  readonly attempts: number;
}

/** The call failed: the provider answered with an error, a plugin refused, or there was no whole answer. */
export interface ErroredItem {
  /** Tells the three kinds apart. */
  readonly type: 'errored';
  /** HTTP status of the answer. */
  readonly status: number;
  /** Why the pipeline itself refused or gave up; undefined when the error is the provider's own answer. */
  readonly code: ErrorCode | undefined;
  /** How long one was asked to wait, in milliseconds; undefined when nothing was said. */
  readonly retryAfterMs: number | undefined;
  /** The answer's body, parsed: the error envelope of the dialect. Keys that the batch sent are blotted out in it. */
  readonly error: unknown;
  /** Attempts that were made upstream. */
  readonly attempts: number;
}

/** The batch was given up while the call was in progress. */
export interface CanceledItem {
  /** Tells the three kinds apart. */
  readonly type: 'canceled';
}

/** How an item ended. */
export type ItemResult = SucceededItem | ErroredItem | CanceledItem;

/** An item and how it ended. Each item that was read and not skipped gets exactly one. */
export interface BatchResult<R extends BatchRequest = BatchRequest> {
  /** The item's own id. */
  readonly customId: string;
  /** Position in `requests`, from 0, skipped items included. */
  readonly index: number;
  /** The item as it was given. */
  readonly request: R;
  /** How it ended. */
  readonly result: ItemResult;
}

/**
 * The results of a batch, once. `break`, `return()` and `await using` abort the calls in progress and wait until they
 * have ended.
 */
export interface BatchResults<R extends BatchRequest> extends AsyncIterableIterator<
  BatchResult<R>,
  undefined
> {
  /** Gives the batch up. */
  return(): Promise<IteratorResult<BatchResult<R>, undefined>>;
  /** The same as `return`. */
  [Symbol.asyncDispose](): Promise<void>;
}
