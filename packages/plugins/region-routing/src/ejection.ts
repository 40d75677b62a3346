import type { Random } from '@sluice/core';
import type { EndpointState } from './endpoint-state.ts';
import type { EjectionSettings } from './options.ts';

/** Every ejection is up to this much longer, so that endpoints do not come back together. */
const JITTER = 0.1;

/**
 * Takes endpoints that fail out of rotation, as Envoy's outlier detection does: after some failures in a row, or too
 * large a share of failures; each time for longer; and never too many of them at once.
 */
export class Ejection {
  readonly #settings: EjectionSettings;
  readonly #states: readonly EndpointState[];
  readonly #random: Random;

  constructor(settings: EjectionSettings, states: readonly EndpointState[], random: Random) {
    this.#settings = settings;
    this.#states = states;
    this.#random = random;
  }

  /** An endpoint did its work; the state knows already. */
  succeeded(state: EndpointState, now: number): void {
    this.#count(state, 0, now);
    if (state.severity === 0) return;
    // Hysteresis: a flapping endpoint has successes too, but no time without a failure.
    const quietSince = Math.max(state.severityAt, state.lastFailureAt, state.ejectedUntil);
    if (now - quietSince < this.#settings.baseMs) return;
    state.severity--;
    state.severityAt = now;
  }

  /** An endpoint failed; the state has counted it already. */
  failed(state: EndpointState, now: number, byCheck = false): void {
    this.#count(state, 1, now);
    if (state.ejectedUntil > now || !this.#isOutlier(state) || !this.#mayEject(now)) return;
    const { baseMs, maxMs } = this.#settings;
    state.severity++;
    state.severityAt = now;
    state.ejections++;
    state.ejectedByCheck = byCheck;
    const forMs = Math.min(baseMs * state.severity, maxMs);
    state.ejectedUntil = now + forMs * (1 + JITTER * this.#random.next());
    // It comes back with a clean sheet; what it did before is paid for.
    state.failuresInRow = 0;
    state.calls = state.failures = state.callsBefore = state.failuresBefore = 0;
  }

  #isOutlier(state: EndpointState): boolean {
    const { consecutiveFailures, failureRate, minCalls } = this.#settings;
    if (state.failuresInRow >= consecutiveFailures) return true;
    const calls = state.calls + state.callsBefore;
    return calls >= minCalls && (state.failures + state.failuresBefore) / calls >= failureRate;
  }

  /** Whether one more may go: some must be left, or the rest would drown. */
  #mayEject(now: number): boolean {
    let ejected = 1;
    for (const { ejectedUntil } of this.#states) if (ejectedUntil > now) ejected++;
    return ejected <= this.#settings.maxShare * this.#states.length;
  }

  /** Two windows, the older of which fades out as a whole: the rate covers one to two halves of `windowMs`. */
  #count(state: EndpointState, failed: 0 | 1, now: number): void {
    const halfMs = this.#settings.windowMs / 2;
    const ageMs = now - state.windowAt;
    if (ageMs >= halfMs) {
      const recent = ageMs < 2 * halfMs;
      state.callsBefore = recent ? state.calls : 0;
      state.failuresBefore = recent ? state.failures : 0;
      state.calls = 0;
      state.failures = 0;
      state.windowAt = now;
    }
    state.calls++;
    state.failures += failed;
  }
}
