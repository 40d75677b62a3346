import {
  type ApiRequest,
  type Clock,
  type Context,
  discard,
  PipelineError,
  type Random,
  type TimerHandle,
  type Transport,
} from '@sluice/core';
import { withCredential } from './credential.ts';
import type { Ejection } from './ejection.ts';
import type { CheckSettings } from './options.ts';
import type { Route } from './route.ts';

/** Checks are spread by this share of the interval, earlier and later. */
const JITTER = 0.2;

/** What {@link Checks} need of the pipeline. */
export interface CheckServices {
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
}

/**
 * Asks endpoints that traffic has told nothing of for a while for their list of models, which costs nothing. A check
 * that fails counts as a failed call. One that passes is no proof that completions work: it ends only an ejection that
 * checks alone had caused.
 */
export class Checks {
  readonly #settings: CheckSettings;
  readonly #routes: readonly Route[];
  readonly #ejection: Ejection | undefined;
  readonly #services: CheckServices;
  readonly #timers = new Map<Route, TimerHandle>();
  readonly #closing = new AbortController();

  constructor(
    settings: CheckSettings,
    routes: readonly Route[],
    ejection: Ejection | undefined,
    services: CheckServices,
  ) {
    this.#settings = settings;
    this.#routes = routes;
    this.#ejection = ejection;
    this.#services = services;
  }

  start(): void {
    for (const route of this.#routes) this.#schedule(route);
  }

  close(): void {
    for (const timer of this.#timers.values()) this.#services.clock.clearTimeout(timer);
    this.#timers.clear();
    this.#closing.abort(new PipelineError('shutting_down'));
  }

  #schedule(route: Route): void {
    if (this.#closing.signal.aborted) return;
    const { clock, random } = this.#services;
    const delayMs = this.#settings.intervalMs * (1 - JITTER + 2 * JITTER * random.next());
    const timer = clock.setTimeout(() => {
      void this.#check(route).finally(() => {
        this.#schedule(route);
      });
    }, delayMs);
    this.#timers.set(route, timer);
  }

  async #check(route: Route): Promise<void> {
    const { clock } = this.#services;
    const { state } = route;
    if (clock.now() - state.heardAt < this.#settings.intervalMs * (1 - JITTER)) return;
    const passed = await this.#passes(route);
    const now = clock.now();
    if (this.#closing.signal.aborted) return;
    if (!passed) {
      state.failed(now);
      this.#ejection?.failed(state, now, true);
    } else if (state.ejectedByCheck && state.ejectedUntil > now) {
      state.ejectedUntil = now;
    } else if (state.ejectedUntil <= now) {
      state.failuresInRow = 0;
    }
  }

  async #passes({ baseUrl, credential }: Route): Promise<boolean> {
    const { clock, transport } = this.#services;
    const { timeoutMs, path } = this.#settings;
    const controller = new AbortController();
    const { signal } = controller;
    const abort = (): void => {
      controller.abort(new PipelineError('first_event_timeout'));
    };
    const timer = clock.setTimeout(abort, timeoutMs);
    this.#closing.signal.addEventListener('abort', abort);
    try {
      // Whose credential it would be is not known here; a 401 proves as much.
      const own = credential === 'caller' ? undefined : credential;
      const headers = { accept: 'application/json' };
      const bare: ApiRequest = { method: 'GET', url: baseUrl + path, headers, body: null, signal };
      const response = await transport.send(await withCredential(bare, own), new CheckContext());
      await discard(response);
      return response.status < 500;
    } catch {
      return false;
    } finally {
      clock.clearTimeout(timer);
      this.#closing.signal.removeEventListener('abort', abort);
    }
  }
}

/** A check is no call: it has no caller, no history and no outcome. */
class CheckContext implements Context {
  readonly id = 'check';
  readonly format = undefined;
  readonly streamed = false;
  readonly model = undefined;
  readonly maxOutputTokens = undefined;
  readonly attempts = 0;
  readonly history = [];
  readonly state = { get: (): undefined => undefined, set: (): void => undefined };

  remainingMs(): number {
    return Infinity;
  }

  onAttempt(): void {
    // Nobody to tell.
  }

  onComplete(): void {
    // Nobody to tell.
  }
}
