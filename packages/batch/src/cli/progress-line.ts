import type { Clock } from '@sluice/core';
import type { BatchProgress } from '../progress.ts';

const BAR = 24;
/** A person sees no more, and a terminal is slow. */
const REDRAW_MS = 100;
/** In a log. */
const LINE_MS = 10_000;

/** Tells how far a batch has come: a bar for somebody who is looking, else a line from time to time. */
export class ProgressLine {
  readonly #clock: Clock;
  readonly #err: (text: string) => void;
  readonly #watched: boolean;
  readonly #startedAt: number;
  #toldAt: number;
  #latest: BatchProgress | undefined;

  constructor(clock: Clock, err: (text: string) => void, watched: boolean) {
    this.#clock = clock;
    this.#err = err;
    this.#watched = watched;
    this.#startedAt = clock.now();
    this.#toldAt = watched ? -Infinity : this.#startedAt;
  }

  /** An item has ended. */
  readonly show = (progress: BatchProgress): void => {
    this.#latest = progress;
    const now = this.#clock.now();
    if (now - this.#toldAt < (this.#watched ? REDRAW_MS : LINE_MS)) return;
    this.#toldAt = now;
    const words = this.#words(progress, now - this.#startedAt);
    this.#err(this.#watched ? `\r${words}\u001b[K` : `${words}\n`);
  };

  /** Takes the bar away and says how it went. */
  end(): void {
    if (this.#watched && this.#latest !== undefined) this.#err('\r\u001b[K');
    const {
      succeeded = 0,
      errored = 0,
      canceled = 0,
      skipped = 0,
      inputTokens = 0,
      outputTokens = 0,
    } = this.#latest ?? {};
    const parts = [
      `${succeeded} succeeded`,
      `${errored} failed`,
      ...(canceled > 0 ? [`${canceled} canceled`] : []),
      ...(skipped > 0 ? [`${skipped} done before`] : []),
    ];
    const time = timeOf(this.#clock.now() - this.#startedAt);
    this.#err(`${parts.join(', ')} in ${time}; ${inputTokens} tokens in, ${outputTokens} out\n`);
  }

  #words({ total, skipped, succeeded, errored, canceled }: BatchProgress, elapsedMs: number): string {
    const called = succeeded + errored + canceled;
    const done = skipped + called;
    const perSecond = called / Math.max(elapsedMs / 1_000, 0.001);
    const words = [total === undefined ? `${done} done` : `${done} of ${total}`];
    if (errored > 0) words.push(`${errored} failed`);
    words.push(`${perSecond.toPrecision(3)}/s`);
    if (total === undefined) return words.join('  ');
    words.push(`${timeOf(((total - done) / perSecond) * 1_000)} left`);
    if (!this.#watched) return words.join(', ');
    const full = Math.round((BAR * done) / total);
    return `${'█'.repeat(full)}${'░'.repeat(BAR - full)} ${words.join('  ')}`;
  }
}

/** `0:07`, `12:34`, `1:02:03`. */
function timeOf(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  const tail = String(seconds % 60).padStart(2, '0');
  return hours === 0 ? `${minutes}:${tail}` : `${hours}:${String(minutes).padStart(2, '0')}:${tail}`;
}
