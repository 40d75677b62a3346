import type { BodySource, Clock, TimerHandle, Wake } from '@sluice/core';

const LF = 10;
const CR = 13;

/** Hands out a stored event stream event by event, so many a second, as a model would write it. */
export class PacedSource implements BodySource {
  readonly #bytes: Uint8Array;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  #at = 0;
  #due: number;
  #timer: TimerHandle | undefined;

  constructor(bytes: Uint8Array, clock: Clock, eventsPerSecond: number) {
    this.#bytes = bytes;
    this.#clock = clock;
    this.#intervalMs = 1_000 / eventsPerSecond;
    this.#due = clock.now();
  }

  pull(wake: Wake): Uint8Array | null | undefined {
    if (this.#at >= this.#bytes.length) return null;
    const waitMs = this.#due - this.#clock.now();
    this.#clock.clearTimeout(this.#timer);
    if (waitMs > 0) {
      this.#timer = this.#clock.setTimeout(wake, waitMs);
      return undefined;
    }
    this.#due += this.#intervalMs;
    const end = eventEnd(this.#bytes, this.#at);
    const event = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return event;
  }

  cancel(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#at = this.#bytes.length;
  }
}

/** Where the event ends that begins at `from`: behind a blank line, whatever ends lines there. */
function eventEnd(bytes: Uint8Array, from: number): number {
  for (let i = from; i < bytes.length; i++) {
    const end = behindLineEnd(bytes, i);
    if (end === i) continue;
    const blank = behindLineEnd(bytes, end);
    if (blank !== end) return blank;
    i = end - 1;
  }
  return bytes.length;
}

/** Behind the line end at `at`; `at` itself where there is none. */
function behindLineEnd(bytes: Uint8Array, at: number): number {
  if (bytes[at] === LF) return at + 1;
  if (bytes[at] !== CR) return at;
  return bytes[at + 1] === LF ? at + 2 : at + 1;
}
