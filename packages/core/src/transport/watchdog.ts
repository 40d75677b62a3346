import type { Clock, TimerHandle } from '../clock.ts';
import { PipelineError } from '../errors.ts';
import type { Timeouts } from './timeouts.ts';

/** A timer that fires later than this was held up by a busy event loop, not by the upstream. */
const STALL_MS = 500;

/**
 * The first-event and idle clocks of one attempt, on a single timer that is checked when it fires instead of being
 * set anew with every event.
 */
export class Watchdog {
  readonly #clock: Clock;
  readonly #timeouts: Timeouts;
  readonly #fire: (error: PipelineError) => void;
  readonly #startedAt: number;
  readonly #streamed: boolean;
  #answered = false;
  #isEventStream = false;
  #contentSeen = false;
  #lastEventAt: number;
  /** Since when the reader waits for the upstream; undefined while the upstream waits for the reader. */
  #waitingSince: number | undefined;
  #timer: TimerHandle | undefined;

  constructor(clock: Clock, timeouts: Timeouts, streamed: boolean, fire: (error: PipelineError) => void) {
    this.#clock = clock;
    this.#timeouts = timeouts;
    this.#fire = fire;
    this.#streamed = streamed;
    this.#startedAt = clock.now();
    this.#lastEventAt = this.#startedAt;
    this.#waitingSince = this.#startedAt;
    if (streamed) this.#arm(timeouts.firstEventMs);
  }

  /** Headers have arrived. An answer that is no stream has begun with them. */
  answered(isEventStream: boolean): void {
    this.#lastEventAt = this.#clock.now();
    this.#waitingSince = undefined;
    this.#answered = true;
    this.#isEventStream = isEventStream;
    if (isEventStream) return;
    this.#contentSeen = true;
    this.stop();
  }

  /** At least one whole event has arrived. */
  events(contentSeen: boolean): void {
    this.#lastEventAt = this.#clock.now();
    this.#contentSeen ||= contentSeen;
  }

  /** Bytes have arrived. In an event stream they are no progress until they make an event. */
  bytes(): void {
    if (!this.#isEventStream) this.#lastEventAt = this.#clock.now();
  }

  /** The reader begins to wait for the upstream, or has got something. */
  waiting(waits: boolean): void {
    if (!waits) {
      this.#waitingSince = undefined;
      return;
    }
    this.#waitingSince ??= this.#clock.now();
    // Most whole answers are here with their headers, and never come to wait.
    if (this.#timer === undefined) this.#check(0);
  }

  stop(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(delayMs: number): void {
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
    const now = this.#clock.now();
    const { firstEventMs, idleMs } = this.#timeouts;
    // The upstream waits for the reader: the next wait for the upstream sets the timer again.
    if (this.#answered && this.#waitingSince === undefined) return;
    if (!this.#contentSeen && this.#streamed) {
      const leftMs = this.#startedAt + firstEventMs - now;
      if (leftMs <= 0) this.#fire(new PipelineError('first_event_timeout'));
      else this.#arm(Math.min(leftMs, idleMs));
      return;
    }
    const leftMs = Math.max(this.#lastEventAt, this.#waitingSince ?? now) + idleMs - now;
    if (leftMs <= 0) this.#fire(new PipelineError('idle_timeout'));
    else this.#arm(leftMs);
  }
}
