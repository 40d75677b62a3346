import type { Attempt, Context, Format, Outcome, SseEvent } from '@sluice/core';
import type { Guard } from './guard.ts';
import type { Hold } from './hold.ts';
import type { Learned } from './learned.ts';
import { spentBy } from './spent.ts';
import type { WaitingRoom } from './waiting.ts';

/** What the passes of one limiter share. */
export interface PassParts {
  readonly guard: Guard;
  readonly learned: Learned;
  readonly waiting: WaitingRoom | undefined;
}

/** One admitted call, or attempt, on its way through: settled once, when it is known what it used. */
export class Pass {
  readonly #parts: PassParts;
  readonly #hold: Hold;
  readonly #model: string | undefined;
  readonly #format: Format | undefined;
  /** What the heuristic guessed; undefined where somebody else has estimated. */
  readonly #guessed: number | undefined;
  #contentEvents = 0;
  #settled = false;
  /** Until the store has heard of it: a pipeline that is closed waits for that. */
  #settling: Promise<void> | undefined;

  constructor(parts: PassParts, hold: Hold, ctx: Context, guessed: number | undefined) {
    this.#parts = parts;
    this.#hold = hold;
    this.#model = ctx.model;
    this.#format = ctx.format;
    this.#guessed = guessed;
  }

  /** For `followAttempt`. */
  attemptEnded(attempt: Attempt): void {
    this.#settle([attempt], attempt.error === undefined);
  }

  /** For `ctx.onComplete`, when calls are counted. */
  readonly callEnded = ({ history, kind }: Outcome): Promise<void> | undefined => {
    // An answer from further in, such as a cached one, is an answer all the same.
    this.#settle(history, kind === 'completed');
    return this.#settling;
  };

  /** For `ctx.onComplete`, when attempts are counted: one that nobody has read to its end. */
  readonly callEndedWithout = ({ history }: Outcome): Promise<void> | undefined => {
    this.#settle(history.slice(-1), false);
    return this.#settling;
  };

  /** For `observeStream`: counts what comes, in case it is cut off before the upstream has told its count. */
  event(event: SseEvent): void {
    if (this.#format?.kind(event) === 'content') this.#contentEvents++;
  }

  #settle(attempts: readonly Attempt[], answered: boolean): void {
    if (this.#settled) return;
    this.#settled = true;
    const { guard, learned, waiting } = this.#parts;
    const { applied, expected, claims } = this.#hold;
    const streamed = this.#contentEvents > 0 ? learned.streamed(this.#model, this.#contentEvents) : 0;
    const { tokens, sent, whole } = spentBy(attempts, expected, { answered, streamed });
    const counted = sent || answered;
    const actual = applied.map(({ rule }, i) => {
      if (rule.of !== 'requests') return rule.units(tokens, expected.price);
      return counted || !rule.refunds ? (claims[i]?.cost ?? 1) : 0;
    });
    this.#settling = guard.settle(this.#hold, actual);
    if (whole?.inputTokens !== undefined && whole.outputTokens !== undefined)
      learned.note(this.#model, {
        guessed: this.#guessed,
        input: whole.inputTokens,
        output: whole.outputTokens,
        events: this.#contentEvents,
      });
    waiting?.wake(this.#hold);
  }
}
