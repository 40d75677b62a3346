/** How soon the upstream must see that a client has left: the bound that the design states. */
export const ABORT_MS = 100;

/** A call that is under way. */
export interface LiveCall {
  /** Leaves, as a client does. */
  readonly leave: () => unknown;
  /** Settles when the upstream has seen it. */
  readonly seen: Promise<unknown>;
}

/**
 * Milliseconds between a client's leaving and the upstream's seeing it. On a busy machine one measurement says little:
 * up to three are taken, and the shortest counts.
 */
export async function abortDelay(start: () => Promise<LiveCall>): Promise<number> {
  let shortest = Infinity;
  for (let tries = 0; tries < 3 && shortest >= ABORT_MS; tries++) {
    const { leave, seen } = await start();
    const left = performance.now();
    leave();
    await seen;
    shortest = Math.min(shortest, performance.now() - left);
  }
  return shortest;
}
