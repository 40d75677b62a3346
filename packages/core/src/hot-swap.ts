import { pipelineFetch } from './fetch.ts';
import type { Pipeline } from './pipeline.ts';

/** A pipeline that can be replaced while calls are in progress. */
export interface SwappablePipeline extends Pipeline {
  /**
   * Starts `next`, sends every new call to it, and closes the old pipeline once its calls have ended. A `next` that
   * does not start is thrown back, and the old one stays. Of swaps that overlap, the one asked for last stays; what it
   * overtakes is closed, as is what has not started when this is closed.
   *
   * @param drainMs How long calls in progress may still take. Default 30 000.
   */
  swap(next: Pipeline, drainMs?: number): Promise<void>;
}

/**
 * Makes a pipeline replaceable; mount the result in place of the pipeline. State that shall
 * survive a swap (breakers, buckets) belongs to services of a container of your own: what `provide` makes is closed
 * with the first pipeline that has it.
 */
export function hotSwap(initial: Pipeline): SwappablePipeline {
  let current = initial;
  let asked = 0;
  /** The latest swap that has come to its end. */
  let latest = 0;
  const close: Pipeline['close'] = (timeoutMs) => {
    // It overtakes every swap: what is still starting must not be left open.
    latest = Infinity;
    return current.close(timeoutMs);
  };
  const handle: Pipeline['handle'] = (request, seed) => current.handle(request, seed);
  return {
    fetch: pipelineFetch(handle),
    handle,
    refuse: (error, inbound) => current.refuse(error, inbound),
    get clock() {
      return current.clock;
    },
    describe: () => current.describe(),
    inspect: () => current.inspect(),
    start: () => current.start(),
    drain: (timeoutMs) => current.drain(timeoutMs),
    close,
    [Symbol.asyncDispose]: () => close(),
    async swap(next, drainMs) {
      const turn = ++asked;
      if (next !== current) await next.start();
      let old = next;
      if (turn > latest) {
        latest = turn;
        old = current;
        current = next;
      }
      if (old !== current) await old.close(drainMs);
    },
  };
}
