import { guarded, PipelineError } from '@sluice/core';
import { type CallablePipeline, callItem, inboundOf } from './call-item.ts';
import { asCompleted, type Delivery, inOrder } from './delivery.ts';
import type { BatchSettings } from './options.ts';
import { Pause } from './pause.ts';
import { Tally } from './progress.ts';
import type { BatchRequest } from './request.ts';
import type { BatchResult, BatchResults, ItemResult } from './result.ts';
import { type Item, type Requests, Source } from './source.ts';

type Next<R extends BatchRequest> = IteratorResult<BatchResult<R>, undefined>;

const DONE = { done: true, value: undefined } as const;

/** One batch under way. All that happens, happens in `#advance`: hand out, read on, end. */
export class BatchRun<R extends BatchRequest> implements BatchResults<R> {
  readonly #pipeline: CallablePipeline;
  readonly #settings: BatchSettings<R>;
  readonly #source: Source<R>;
  readonly #delivery: Delivery<BatchResult<R>>;
  readonly #tally: Tally;
  readonly #pause: Pause;
  /** Calls in progress, by what aborts them. */
  readonly #calls = new Map<AbortController, Promise<void>>();
  /** Those who wait for a result, first come first served. */
  readonly #waiting: PromiseWithResolvers<Next<R>>[] = [];
  #begun = 0;
  #taken = 0;
  #started = false;
  #reading = false;
  #inputOpen = true;
  /** The input's own farewell. */
  #closing: Promise<void> | undefined;
  /** What the iteration throws after the last result. */
  #failure: { readonly error: unknown } | undefined;
  #abandoned = false;

  constructor(pipeline: CallablePipeline, requests: Requests<R>, settings: BatchSettings<R>) {
    this.#pipeline = pipeline;
    this.#settings = settings;
    this.#tally = new Tally(settings.total);
    this.#source = new Source(requests, settings.completed, () => {
      this.#tally.skip();
    });
    this.#delivery = settings.ordered ? inOrder() : asCompleted();
    this.#pause = new Pause(pipeline.clock, () => {
      this.#advance();
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Next<R>> {
    if (!this.#started) this.#start();
    const waiting = Promise.withResolvers<Next<R>>();
    this.#waiting.push(waiting);
    this.#advance();
    return waiting.promise;
  }

  async return(): Promise<Next<R>> {
    this.#abandoned = true;
    this.#abort();
    await Promise.all(this.#calls.values());
    this.#advance();
    await this.#closing;
    return DONE;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #start(): void {
    this.#started = true;
    const { signal } = this.#settings;
    if (signal?.aborted === true) this.#onAbort();
    else signal?.addEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = (): void => {
    this.#failure ??= { error: this.#settings.signal?.reason };
    this.#abort();
    this.#advance();
  };

  #advance(): void {
    this.#handOut();
    if (this.#inputOpen) void this.#readOn();
    else if (this.#calls.size === 0) this.#end();
  }

  #handOut(): void {
    while (!this.#abandoned && this.#waiting.length > 0) {
      const value = this.#delivery.take();
      if (value === undefined) return;
      this.#taken++;
      this.#waiting.shift()?.resolve({ done: false, value });
    }
  }

  #mayRead(): boolean {
    const { concurrency, readAhead } = this.#settings;
    return (
      this.#inputOpen &&
      !this.#pause.on &&
      this.#calls.size < concurrency &&
      this.#begun - this.#taken < readAhead
    );
  }

  async #readOn(): Promise<void> {
    if (this.#reading || !this.#mayRead()) return;
    this.#reading = true;
    try {
      while (this.#mayRead()) {
        const item = await this.#source.next();
        if (!this.#inputOpen) break;
        if (item === undefined) this.#endInput();
        else this.#begin(item);
      }
    } catch (error) {
      if (this.#inputOpen) this.#failure ??= { error };
      this.#endInput();
    }
    this.#reading = false;
    this.#advance();
  }

  #begin({ request, index }: Item<R>): void {
    const { headersOf, seed, maxAnswerBytes } = this.#settings;
    const inbound = inboundOf(request, headersOf(request));
    const call = {
      inbound,
      seed: seed && ((state) => seed(state, request)),
      maxAnswerBytes,
    } satisfies Parameters<typeof callItem>[1];
    const controller = new AbortController();
    const sequence = this.#begun++;
    this.#calls.set(
      controller,
      callItem(this.#pipeline, call, controller).then((result) => {
        this.#calls.delete(controller);
        this.#delivery.put(sequence, { customId: request.customId, index, request, result });
        this.#note(result);
        this.#advance();
      }),
    );
  }

  /** What a result means for the rest of the batch. */
  #note(result: ItemResult): void {
    const { stopOnError, maxPauseMs, onProgress } = this.#settings;
    this.#tally.count(result);
    if (result.type === 'errored') {
      const { code, retryAfterMs = 0 } = result;
      // Every other call would be refused as well, as fast as items can be read.
      if (code === 'shutting_down') this.#failure ??= { error: new PipelineError(code) };
      if (stopOnError || code === 'shutting_down') this.#endInput();
      else if (this.#inputOpen) this.#pause.extend(Math.min(retryAfterMs, maxPauseMs));
    }
    if (onProgress !== undefined)
      guarded('onProgress threw', () => {
        onProgress(this.#tally.progress(this.#calls.size));
      });
  }

  #abort(): void {
    this.#endInput();
    for (const controller of this.#calls.keys()) controller.abort(new PipelineError('client_abort'));
  }

  #endInput(): void {
    if (!this.#inputOpen) return;
    this.#inputOpen = false;
    this.#pause.clear();
    this.#closing = this.#source.close();
    this.#closing.catch((error: unknown) => {
      this.#failure ??= { error };
    });
  }

  /** Nothing is in progress and nothing more is read. What is held was handed out, or is not wanted. */
  #end(): void {
    this.#settings.signal?.removeEventListener('abort', this.#onAbort);
    const end = (): void => {
      const first = this.#abandoned || this.#failure === undefined ? undefined : this.#waiting.shift();
      if (first !== undefined) {
        first.reject(this.#failure?.error);
        this.#failure = undefined;
      }
      for (const { resolve } of this.#waiting.splice(0)) resolve(DONE);
    };
    if (this.#waiting.length > 0) this.#closing?.then(end, end);
  }
}
