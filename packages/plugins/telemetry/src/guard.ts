import { type Clock, guarded } from '@sluice/core';

/** An exporter that is broken is broken for each call: the operator is told once in this time. */
const AGAIN_MS = 60_000;

/** Where failures of telemetry end: no call shall notice them. */
export class Guard {
  readonly #clock: Clock;
  #toldAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#toldAt = -Infinity;
  }

  /** Tells the operator by a process warning, not too often. */
  failed(error: unknown): void {
    const now = this.#clock.now();
    if (now - this.#toldAt < AGAIN_MS) return;
    this.#toldAt = now;
    guarded('telemetry failed and was passed over', () => {
      throw error;
    });
  }
}
