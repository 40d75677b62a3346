import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';

const EVENTS = ['unhandledRejection', 'uncaughtExceptionMonitor', 'warning'] as const;

/** Fails each test of the file in which a promise is left rejected, an error uncaught, or Node warns. */
export function expectQuiet(): void {
  const heard: unknown[] = [];
  const listen = (what: unknown): void => {
    heard.push(what);
  };
  beforeAll(() => {
    for (const event of EVENTS) process.on(event, listen);
  });
  afterEach(() => {
    expect(heard.splice(0)).toEqual([]);
  });
  afterAll(() => {
    for (const event of EVENTS) process.off(event, listen);
  });
}

/** Resolves once a number has not changed for a while, measured in turns of the event loop. */
export async function standsStill(value: () => number): Promise<void> {
  let last = value();
  for (let turns = 0; turns < 200; turns++) {
    await nextTurn();
    if (value() !== last) turns = 0;
    last = value();
  }
}
