import { type Clock, token, type Token } from '@sluice/core';
import { UpstreamKey } from './upstream-key.ts';

/** What can be said of a key without saying the key. */
export interface KeyStatus {
  /** The id of its source. */
  readonly id: string;
  /** The endpoint whose pool it is in; `default` for the pool of calls without one. */
  readonly endpoint: string;
  /** The tenant it belongs to, if it belongs to one. */
  readonly tenant?: string;
  /**
   * `active`; `cooling`, for one model after a 429; `quarantined`, when the upstream refused it or it expired;
   * `draining`, a version that was replaced and may still be in use.
   */
  readonly state: 'active' | 'cooling' | 'quarantined' | 'draining';
  /** Counts the rotations of the key, from 1; 0 before it was loaded. */
  readonly version: number;
  /** The model that it rests for. */
  readonly model?: string;
  /** When that state ends, in milliseconds since the Unix epoch. Absent: not by itself. */
  readonly until?: number;
  /** Why. Holds no secret and no text of a request. */
  readonly reason?: string;
  /** Attempts under way with this version. */
  readonly inFlight: number;
}

/**
 * What is known of the keys: apart from the plugin, so that it can be looked at, and outlive a pipeline that is
 * replaced. Provide the same object to one pipeline after another: `provide(KEY_STATES, () => states)`.
 */
export class KeyStates {
  readonly #keys = new Map<string, UpstreamKey>();

  /** For the plugin: the key of this name, made when it is new. */
  key(id: string, endpoint: string, tenant: string | undefined, clock: Clock): UpstreamKey {
    const name = JSON.stringify([endpoint, tenant, id]);
    let key = this.#keys.get(name);
    if (key === undefined) {
      key = new UpstreamKey(id, endpoint, tenant, clock);
      this.#keys.set(name, key);
    }
    return key;
  }

  /** The state of every key; one line more for each model it rests for, and for a version that drains. */
  list(): readonly KeyStatus[] {
    return [...this.#keys.values()].flatMap(statusOf);
  }
}

/** Where the state of keys is kept. Embedded default: with the pipeline. */
export const KEY_STATES: Token<KeyStates> = token('key-states', { create: () => new KeyStates() });

function statusOf(key: UpstreamKey): KeyStatus[] {
  const { id, endpoint, tenant, clock, current, previous } = key;
  const now = clock.now();
  const wall = (until: number): { readonly until?: number } =>
    Number.isFinite(until) ? { until: Math.round(clock.wallTime() + until - now) } : {};
  const named = { id, endpoint, ...(tenant === undefined ? {} : { tenant }) };
  const own = { ...named, version: current?.number ?? 0, inFlight: current?.inFlight ?? 0 };
  const lines: KeyStatus[] = [];
  if (current === undefined || key.version() === undefined) {
    const { state, until, reason } = key.unusable('', now);
    lines.push({
      ...own,
      state,
      ...wall(until),
      reason: current === undefined ? 'it is not loaded yet' : reason,
    });
  } else {
    lines.push({ ...own, state: 'active' });
    for (const { model, until, reason } of key.cooling(now)) {
      lines.push({ ...own, state: 'cooling', model, ...wall(until), reason });
    }
  }
  const draining = key.draining(now);
  if (draining !== undefined && previous !== undefined) {
    const { number: version, inFlight } = previous;
    lines.push({ ...named, version, inFlight, state: 'draining', ...wall(draining.until) });
  }
  return lines;
}
