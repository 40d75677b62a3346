import { afterAll, beforeAll, expect, vi } from 'vitest';

/** Longest time after a test file's last call until all that it opened is closed. */
const RELEASED_MS = 1_000;

/**
 * What nobody has caught, as a list that fills up while the tests of the file run. After them no more sockets are open
 * than before.
 */
export function nothingIsLeft(): readonly unknown[] {
  const uncaught: unknown[] = [];
  const onUncaught = (error: unknown): void => {
    uncaught.push(error);
  };
  let openBefore = 0;
  beforeAll(() => {
    openBefore = openSockets();
    process.on('unhandledRejection', onUncaught).on('uncaughtException', onUncaught);
  });
  afterAll(async () => {
    await vi.waitFor(() => expect(openSockets()).toBeLessThanOrEqual(openBefore), RELEASED_MS);
    expect(uncaught).toEqual([]);
    process.off('unhandledRejection', onUncaught).off('uncaughtException', onUncaught);
  });
  return uncaught;
}

/** TCP connections of this process. */
function openSockets(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'TCPSocketWrap').length;
}
