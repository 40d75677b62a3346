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
 * Makes a pipeline replaceable; mount the result in place of the pipeline. `drain()` and `close()` also wait for the
 * pipelines that a swap has replaced and whose calls are still in progress. State that shall survive a swap (circuits,
 * health of endpoints) belongs in services that you hold and `provide` to both pipelines. One that has a `close()` is
 * closed with the first pipeline that it was provided to: register such a service in a `container` of your own.
 */
export function hotSwap(initial: Pipeline): SwappablePipeline {
  let current = initial;
  /** Replaced, and not closed yet. */
  const replaced = new Set<Pipeline>();
  let asked = 0;
  /** The latest swap that has come to its end. */
  let latest = 0;
  const close: Pipeline['close'] = async (timeoutMs) => {
    // It overtakes every swap: what is still starting must not be left open.
    latest = Infinity;
    const [closed] = await Promise.allSettled([current.close(timeoutMs), ...ended(timeoutMs)]);
    if (closed.status === 'rejected') throw closed.reason;
  };
  /** The ends of the replaced. Their time is the shorter of the swap's and this one; what fails is told to the swap. */
  const ended = (timeoutMs: number | undefined): Promise<void>[] =>
    Array.from(replaced, async (old) => {
      await old.drain(timeoutMs);
      await old.close();
    });
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
    async drain(timeoutMs) {
      await Promise.all([current, ...replaced].map((one) => one.drain(timeoutMs)));
    },
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
      if (old === current) return;
      replaced.add(old);
      try {
        await old.close(drainMs);
      } finally {
        replaced.delete(old);
      }
    },
  };
}
