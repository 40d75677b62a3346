import type { Clock, TimerHandle } from '../clock.ts';
import { PipelineError } from '../errors.ts';
import type { Timeouts } from './timeouts.ts';

/** A timer that fires later than this was held up by a busy event loop, not by the upstream. */
const STALL_MS = 500;

/**
 * The first-event and idle clocks of one attempt, on a single timer that is checked when it fires instead of being
 * set anew with every event. Only time in which the upstream was waited for counts; a slow reader costs it nothing.
 */
export class Watchdog {
  readonly #clock: Clock;
  readonly #timeouts: Timeouts;
  readonly #fire: (error: PipelineError) => void;
  readonly #streamed: boolean;
  #isEventStream = false;
  #contentSeen = false;
  /** Since when the reader waits for the upstream; undefined while the upstream waits for the reader. */
  #waitingSince: number | undefined;
  /** Earlier waits since the upstream last got on. Bytes that make no event end a wait and are no progress. */
  #waitedMs = 0;
  #timer: TimerHandle | undefined;

  constructor(clock: Clock, timeouts: Timeouts, streamed: boolean, fire: (error: PipelineError) => void) {
    this.#clock = clock;
    this.#timeouts = timeouts;
    this.#fire = fire;
    this.#streamed = streamed;
    this.#waitingSince = clock.now();
    if (streamed) this.#arm(timeouts.firstEventMs);
  }

  /** Headers have arrived. An answer that is no stream has begun with them. */
  answered(isEventStream: boolean): void {
    this.waiting(false);
    this.#isEventStream = isEventStream;
    if (isEventStream) return;
    this.#contentSeen = true;
    this.#waitedMs = 0;
    this.stop();
  }

  /** At least one whole event has arrived. */
  events(contentSeen: boolean): void {
    this.#contentSeen ||= contentSeen;
    // Pings and preamble do not stop the first-event clock.
    if (this.#contentSeen || !this.#streamed) this.#progress();
  }

  /** Bytes have arrived. In an event stream they are no progress until they make an event. */
  bytes(): void {
    if (!this.#isEventStream) this.#progress();
  }

  /** The reader begins to wait for the upstream, or has got something. */
  waiting(waits: boolean): void {
    if (waits) {
      this.#waitingSince ??= this.#clock.now();
      // Most whole answers are here with their headers, and never come to wait.
      if (this.#timer === undefined) this.#check(0);
    } else if (this.#waitingSince !== undefined) {
      this.#waitedMs += this.#clock.now() - this.#waitingSince;
      this.#waitingSince = undefined;
    }
  }

  stop(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #progress(): void {
    this.#waitedMs = 0;
    if (this.#waitingSince !== undefined) this.#waitingSince = this.#clock.now();
  }

  #arm(leftMs: number): void {
    // With the first content the idle clock takes over, which may be the shorter one.
    const delayMs = Math.min(leftMs, this.#timeouts.idleMs);
    const dueAt = this.#clock.now() + delayMs;
    this.#timer = this.#clock.setTimeout(() => {
      this.#check(this.#clock.now() - dueAt);
    }, delayMs);
  }

  #check(lateMs: number): void {
    this.#timer = undefined;
    // What arrived meanwhile is still in the socket: give the event loop the time it was short of.
    if (lateMs > STALL_MS) {
      this.#arm(lateMs);
      return;
    }
    // The upstream waits for the reader: the next wait for the upstream sets the timer again.
    if (this.#waitingSince === undefined) return;
    const begun = this.#contentSeen || !this.#streamed;
    const limitMs = begun ? this.#timeouts.idleMs : this.#timeouts.firstEventMs;
    const leftMs = limitMs - this.#waitedMs - (this.#clock.now() - this.#waitingSince);
    if (leftMs > 0) this.#arm(leftMs);
    else this.#fire(new PipelineError(begun ? 'idle_timeout' : 'first_event_timeout'));
  }
}
