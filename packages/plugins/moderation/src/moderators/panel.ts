import { type Clock, PipelineError } from '@sluice/core';
import type { Find } from '../finder.ts';
import { TextCache } from '../text-cache.ts';
import type { Direction } from '../policy.ts';
import type { Judgement, Moderator } from './moderator.ts';

const NOTHING: readonly Judgement[] = [];

/** One moderator at work: its limits, its cache, its fail mode. */
class Seat {
  readonly moderator: Moderator;
  readonly #clock: Clock;
  readonly #cache: TextCache<readonly Judgement[]>;
  readonly #waiting: (() => void)[] = [];
  #busy = 0;

  constructor(moderator: Moderator, clock: Clock) {
    this.moderator = moderator;
    this.#clock = clock;
    this.#cache = new TextCache<readonly Judgement[]>(moderator.cacheEntries ?? 10_000, 1);
  }

  async judge(text: string, direction: Direction, signal: AbortSignal): Promise<readonly Judgement[]> {
    const key = this.#cache.key(text, direction);
    const known = this.#cache.get(key);
    if (known !== undefined) return known;
    try {
      const judged = await this.#ask(text, direction, signal);
      this.#cache.set(key, judged);
      return judged;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (this.moderator.onError === 'open') return NOTHING;
      throw new PipelineError('plugin_failed', { plugin: 'moderation', cause: error });
    }
  }

  async #ask(text: string, direction: Direction, signal: AbortSignal): Promise<readonly Judgement[]> {
    const { moderator } = this;
    const stop = new AbortController();
    const { promise: stopped, reject } = Promise.withResolvers<never>();
    const give = (reason: unknown): void => {
      reject(reason as Error);
      stop.abort(reason);
    };
    const onAbort = (): void => {
      give(signal.reason);
    };
    if (signal.aborted) throw signal.reason;
    signal.addEventListener('abort', onAbort, { once: true });
    const timer = this.#clock.setTimeout(() => {
      give(new Error(`the moderator "${moderator.name}" took too long`));
    }, moderator.timeoutMs ?? 2_000);
    stopped.catch(() => undefined);
    try {
      await Promise.race([this.#enter(stop.signal), stopped]);
      try {
        const judged = await Promise.race([
          moderator.judge({ text, direction, signal: stop.signal }),
          stopped,
        ]);
        if (!Array.isArray(judged)) throw new TypeError(`the moderator "${moderator.name}" gave no list`);
        return judged;
      } finally {
        this.#leave();
      }
    } finally {
      this.#clock.clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Waits for a place. Who gives up in the queue leaves it. */
  async #enter(signal: AbortSignal): Promise<void> {
    if (this.#busy < (this.moderator.concurrency ?? 16)) {
      this.#busy++;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const go = (): void => {
        this.#busy++;
        resolve();
      };
      this.#waiting.push(go);
      signal.addEventListener(
        'abort',
        () => {
          const at = this.#waiting.indexOf(go);
          if (at >= 0) this.#waiting.splice(at, 1);
          reject(signal.reason as Error);
        },
        { once: true },
      );
    });
  }

  #leave(): void {
    this.#busy--;
    this.#waiting.shift()?.();
  }
}

/** All moderators of a pipeline. */
export class Panel {
  readonly #seats: readonly Seat[];

  constructor(moderators: readonly Moderator[], clock: Clock) {
    this.#seats = moderators.map((moderator) => new Seat(moderator, clock));
  }

  /** Whether anybody judges texts that go this way. */
  judges(direction: Direction): boolean {
    return this.#seats.some(({ moderator }) => (moderator.direction ?? direction) === direction);
  }

  /** What they find in a text: the whole of it. */
  async judge(text: string, direction: Direction, signal: AbortSignal): Promise<readonly Find[]> {
    const seats = this.#seats.filter(({ moderator }) => (moderator.direction ?? direction) === direction);
    const judged = await Promise.all(
      seats.map(async (seat) => {
        const judgements = await seat.judge(text, direction, signal);
        return judgements.map(({ category, severity = 'high' }): Find => {
          const rule = `moderator:${seat.moderator.name}`;
          return { start: 0, end: text.length, rule, category, severity };
        });
      }),
    );
    return judged.flat();
  }
}
