import { type Attempt, type AttemptListener, type Context, KEYED, type State } from '@sluice/core';
import type { Ejection } from './ejection.ts';
import type { Latency, Waiting } from './latency.ts';
import { ALL_MODELS } from './rests.ts';
import type { Route } from './route.ts';

/** How long an endpoint is left alone whose own credential was refused (401, 402), in milliseconds. */
const CREDENTIAL_REST_MS = 30_000;

/** What a passage learns from, and what it tells. */
export interface Lessons {
  readonly ejection: Ejection | undefined;
  readonly coolDownMs: number;
}

/** One request on its way to one endpoint, to the end of its answer: what routing learns from. */
export class Passage implements AttemptListener, Waiting {
  startedAt: number;
  older: Waiting | undefined = undefined;
  newer: Waiting | undefined = undefined;
  listed = false;
  readonly #route: Route;
  readonly #latency: Latency;
  readonly #model: string | undefined;
  readonly #said: State;
  readonly #lessons: Lessons;

  constructor(route: Route, ctx: Context, lessons: Lessons, now: number) {
    const { state } = route;
    const { streamed, model } = ctx;
    this.startedAt = now;
    this.#route = route;
    this.#latency = streamed ? state.streamed : state.whole;
    this.#model = model;
    this.#said = ctx.state;
    this.#lessons = lessons;
    state.inFlight++;
    this.#latency.began(this);
  }

  contentBegan({ firstContentMs = 0 }: Attempt): void {
    this.#latency.ended(this);
    this.#latency.answered(firstContentMs, this.startedAt + firstContentMs);
  }

  attemptEnded(attempt: Attempt): void {
    const { state } = this.#route;
    const { durationMs = 0, disposition } = attempt;
    const now = this.startedAt + durationMs;
    state.inFlight--;
    this.#latency.ended(this);
    if (disposition === undefined) return;
    const { health, credential, otherEndpoint, retryAfterMs } = disposition;
    const { ejection, coolDownMs } = this.#lessons;

    if (health !== 'ignore') state.heardAt = now;
    if (health === 'success') {
      state.rests.answered(this.#model);
      state.failuresInRow = 0;
      ejection?.succeeded(state, now);
      if (attempt.firstContentMs === undefined) this.#latency.touched(now);
      else state.diagnosis = undefined;
    } else if (health === 'failure') {
      state.failed(now);
      ejection?.failed(state, now);
      this.#latency.failed(durationMs, now);
      if (retryAfterMs !== undefined) state.rests.begin('cooling', this.#model, retryAfterMs, now);
    } else if (attempt.status !== undefined && (attempt.error === undefined || credential !== 'keep')) {
      // An answer that says no, in its status or in its first event; not one that was given up.
      this.#latency.touched(now);
      // Another caller's key may well be good for it, and so may another of the operator's.
      if (this.#route.credential === 'caller' || this.#said.get(KEYED) === true) return;
      if (credential === 'cool') {
        state.rests.begin('cooling', this.#model, retryAfterMs ?? coolDownMs, now);
      } else if (credential === 'quarantine' && otherEndpoint && this.#route.credential !== undefined) {
        state.rests.begin('credential', ALL_MODELS, CREDENTIAL_REST_MS, now);
      }
    }
  }
}
