import type { EndpointRest } from './endpoint-health.ts';

/** Models are named by callers: more than these are not remembered. */
const MAX_RESTS = 100;
/** An upstream that asks for longer is asked again after an hour. */
const MAX_REST_MS = 3_600_000;
/** Stands for all models. No text: callers choose what models are called. */
export const ALL_MODELS: unique symbol = Symbol('all models');

/** What a rest is for. */
type Scope = string | typeof ALL_MODELS;

interface Rest {
  readonly reason: string;
  readonly until: number;
}

/** Until when an endpoint is left alone, and why: for one model, or as a whole. */
export class Rests {
  /** In the order in which they were set. */
  readonly #rests = new Map<Scope, Rest>();

  /** What is in force for a model. */
  of(model: string | undefined, now: number): Rest | undefined {
    if (this.#rests.size === 0) return undefined;
    return this.#inForce(ALL_MODELS, now) ?? this.#inForce(model ?? '', now);
  }

  /** Leaves the endpoint alone; a rest that lasts longer stays as it is. */
  begin(reason: string, model: Scope | undefined, forMs: number, now: number): void {
    const key = model ?? '';
    const until = now + Math.min(forMs, MAX_REST_MS);
    const before = this.#inForce(key, now);
    if (before !== undefined && before.until >= until) return;
    this.#rests.delete(key);
    if (this.#rests.size >= MAX_RESTS) {
      const [oldest] = this.#rests.keys();
      this.#rests.delete(oldest as Scope);
    }
    this.#rests.set(key, { reason, until });
  }

  /** The endpoint has answered: a circuit that was open is not any more. */
  answered(model: string | undefined): void {
    if (this.#rests.size === 0) return;
    const key = model ?? '';
    if (this.#rests.get(key)?.reason === 'circuit-open') this.#rests.delete(key);
  }

  /** All in force, as data. */
  list(now: number): readonly EndpointRest[] {
    const list: EndpointRest[] = [];
    for (const [key, { reason, until }] of this.#rests) {
      if (until > now) list.push({ model: key === ALL_MODELS ? undefined : key, reason, forMs: until - now });
    }
    return list;
  }

  #inForce(key: Scope, now: number): Rest | undefined {
    const rest = this.#rests.get(key);
    if (rest === undefined || rest.until > now) return rest;
    this.#rests.delete(key);
    return undefined;
  }
}
