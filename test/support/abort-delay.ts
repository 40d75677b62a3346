import type { RecordedRequest } from '@sluice/core/testing';

/** How soon the upstream must see that a client has left: the bound that the design states. */
export const ABORT_MS = 100;

/** A call that is under way. */
export interface LiveCall {
  /** What the upstream has of it. */
  readonly request: RecordedRequest;
  /** Leaves, as a client does. */
  readonly leave: () => void;
  /** What else must come of it. */
  readonly also?: Promise<unknown>;
}

/**
 * Milliseconds between a client's leaving and the upstream's seeing it. On a busy machine one measurement says little:
 * up to three are taken, and the shortest counts.
 */
export async function abortDelay(start: () => Promise<LiveCall>): Promise<number> {
  let shortest = Infinity;
  for (let tries = 0; tries < 3 && shortest >= ABORT_MS; tries++) {
    const { request, leave, also } = await start();
    const left = performance.now();
    leave();
    if ((await request.closed) !== 'aborted') throw new Error('the upstream could answer to the end');
    shortest = Math.min(shortest, performance.now() - left);
    await also;
  }
  return shortest;
}
