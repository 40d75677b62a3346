import {
  type ApiRequest,
  type Attempt,
  type AttemptListener,
  type Clock,
  followAttempt,
  type Next,
} from '@sluice/core';
import type { KeyVersion, UpstreamKey } from './upstream-key.ts';

/** What the end of an answer may say of the key that it came with. */
export type Judge = (use: Use, attempt: Attempt) => void;

/** One attempt with one version of a key. */
export class Use implements AttemptListener {
  readonly key: UpstreamKey;
  readonly version: KeyVersion;
  readonly model: string;
  /** Whether the key rested until now. */
  readonly #probe: boolean;
  readonly #judge: Judge;

  constructor(key: UpstreamKey, version: KeyVersion, model: string, now: number, judge: Judge) {
    this.key = key;
    this.version = version;
    this.model = model;
    this.#probe = key.taken(model, now);
    this.#judge = judge;
  }

  /** Sends a request with it. */
  send(request: ApiRequest, next: Next, clock: Clock): Promise<Response> {
    this.version.inFlight++;
    return followAttempt(request, next, clock, this);
  }

  /** The upstream let the call pass. Only a probe ends a rest: other answers were asked for before it began. */
  admitted(): void {
    if (this.#probe) this.key.rested(this.model);
  }

  attemptEnded(attempt: Attempt): void {
    this.version.inFlight--;
    this.#judge(this, attempt);
  }
}
