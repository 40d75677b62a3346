import type { Attempt, AttemptListener } from '@sluice/core';

/** Whom attempts report to: the circuit that let them through. */
export interface Judge {
  /** The first content of a stream has arrived. */
  began(passage: Passage, attempt: Attempt): void;
  /** An attempt has ended. */
  ended(passage: Passage, attempt: Attempt): void;
}

/**
 * That an attempt was let through, and in which period of the circuit. A period is the time between two changes of
 * state: what an attempt of an earlier one comes to has been judged already. While a circuit is closed, all calls of a
 * period share one, so that a call allocates nothing.
 */
export class Passage implements AttemptListener {
  readonly period: number;
  protected readonly judge: Judge;

  constructor(judge: Judge, period: number) {
    this.judge = judge;
    this.period = period;
  }

  attemptEnded(attempt: Attempt): void {
    this.judge.ended(this, attempt);
  }
}

/** The same for a stream, whose first content is timed. */
export class StreamedPassage extends Passage {
  contentBegan(attempt: Attempt): void {
    this.judge.began(this, attempt);
  }
}

/** Takes one of the few places in a half-open circuit until it ends, or until its lease is over. */
export class Probe extends StreamedPassage {
  readonly leaseEndsAt: number;
  readonly streamed: boolean;

  constructor(judge: Judge, period: number, streamed: boolean, leaseEndsAt: number) {
    super(judge, period);
    this.streamed = streamed;
    this.leaseEndsAt = leaseEndsAt;
  }

  override contentBegan(attempt: Attempt): void {
    if (this.streamed) super.contentBegan(attempt);
  }
}
