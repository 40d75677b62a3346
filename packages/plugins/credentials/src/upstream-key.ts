import type { Clock } from '@sluice/core';
import type { Loaded } from './credential-source.ts';
import type { Secret } from './secret.ts';

/** Models that rest at one key, at most. Callers choose the names. */
const MAX_COOLING = 256;
/** How long one call has to find out whether a rest is over, before the next may try, in milliseconds. */
const PROBE_MS = 2_000;

/** One secret that a key had or has. */
export class KeyVersion {
  readonly number: number;
  readonly secret: Secret;
  /** Wall-clock time from which on it is of no use. */
  expiresAt: number;
  /** Attempts that are under way with it. */
  inFlight = 0;
  /** `Bearer …`, made once. Private, so that nothing shows it. */
  readonly #bearer: string;

  constructor(number: number, { secret, expiresAt }: Loaded) {
    this.number = number;
    this.secret = secret;
    this.expiresAt = expiresAt;
    this.#bearer = `Bearer ${secret.reveal()}`;
  }

  /** What is sent in a header of this name. */
  headerValue(header: string): string {
    return header === 'authorization' ? this.#bearer : this.secret.reveal();
  }
}

/** How long a new version is left alone that the upstream refuses, while the one before still works. */
const NOT_KNOWN_YET_MS = 5_000;

interface Quarantine {
  readonly until: number;
  readonly reason: string;
}

/** Why a key cannot be used now. */
export interface Unusable {
  readonly state: 'cooling' | 'quarantined';
  /** Monotonic time from which on it can be tried again. */
  readonly until: number;
  readonly reason: string;
}

/** One upstream key through all its rotations, and what is known of it. Outlives a pipeline if its service does. */
export class UpstreamKey {
  readonly id: string;
  readonly endpoint: string;
  readonly tenant: string | undefined;
  readonly clock: Clock;
  current: KeyVersion | undefined;
  /** The version before, which the upstream may still know when it does not know the new one yet. */
  previous: KeyVersion | undefined;
  /** When it last had to rest, on the monotonic clock. */
  cooledAt: number = -Infinity;
  #previousUntil = -Infinity;
  readonly #cooling = new Map<string, { until: number; readonly reason: string }>();
  readonly #quarantines = new Map<KeyVersion, Quarantine>();

  constructor(id: string, endpoint: string, tenant: string | undefined, clock: Clock) {
    this.id = id;
    this.endpoint = endpoint;
    this.tenant = tenant;
    this.clock = clock;
  }

  /** Takes a loaded secret in. Returns whether it is another than before. */
  rotate(loaded: Loaded, overlapMs: number): boolean {
    const { current } = this;
    if (current?.secret.reveal() === loaded.secret.reveal()) {
      current.expiresAt = loaded.expiresAt;
      return false;
    }
    this.previous = current;
    this.#previousUntil = this.clock.now() + overlapMs;
    this.current = new KeyVersion((current?.number ?? 0) + 1, loaded);
    // Another secret, another account for all we know.
    this.#cooling.clear();
    for (const version of this.#quarantines.keys())
      if (version !== current) this.#quarantines.delete(version);
    return true;
  }

  /** The version to send with now; undefined when there is none. */
  version(): KeyVersion | undefined {
    const { current, previous } = this;
    if (current === undefined) return undefined;
    // The usual case has no quarantine and no expiry.
    if (this.#quarantines.size === 0 && current.expiresAt === Infinity) return current;
    const now = this.clock.now();
    if (this.#valid(current, now)) return current;
    return previous !== undefined && now < this.#previousUntil && this.#valid(previous, now)
      ? previous
      : undefined;
  }

  /** Whether a call for this model may be sent with it now. */
  usable(model: string, now: number): boolean {
    if (this.#cooling.size > 0 && now < (this.#cooling.get(model)?.until ?? -Infinity)) return false;
    return this.version() !== undefined;
  }

  /** Why not, when it is not usable. */
  unusable(model: string, now: number): Unusable {
    const { current } = this;
    if (this.version() === undefined) {
      const found = current && this.#quarantines.get(current);
      return {
        state: 'quarantined',
        until: found?.until ?? Infinity,
        reason: found?.reason ?? 'it has expired',
      };
    }
    const cooling = this.#cooling.get(model);
    return { state: 'cooling', until: cooling?.until ?? now, reason: cooling?.reason ?? '' };
  }

  /** A call is sent with it. Returns whether it rested until now, and this call is to find out if that is over. */
  taken(model: string, now: number): boolean {
    const cooling = this.#cooling.size === 0 ? undefined : this.#cooling.get(model);
    if (cooling === undefined) return false;
    cooling.until = now + PROBE_MS;
    return true;
  }

  /** Its rest is over: the upstream let the call pass that tried. */
  rested(model: string): void {
    this.#cooling.delete(model);
  }

  /** Rests for one model. */
  cool(model: string, forMs: number, reason: string): void {
    const now = this.clock.now();
    this.cooledAt = now;
    const before = this.#cooling.get(model)?.until ?? 0;
    this.#cooling.delete(model);
    // The oldest is the likeliest to be over.
    const [oldest] = this.#cooling.keys();
    if (this.#cooling.size >= MAX_COOLING && oldest !== undefined) this.#cooling.delete(oldest);
    this.#cooling.set(model, { until: Math.max(before, now + forMs), reason });
  }

  /** Takes a version out. It is tried again after that time: keys come back when bills are paid. */
  quarantine(version: KeyVersion, forMs: number, reason: string): void {
    const now = this.clock.now();
    this.#quarantines.set(version, { until: now + forMs, reason });
    // A new version may merely not have come to the upstream's knowledge yet.
    if (version === this.current && this.version() !== undefined) {
      this.#quarantines.set(version, { until: now + Math.min(forMs, NOT_KNOWN_YET_MS), reason });
    }
  }

  /** Models that rest now. */
  cooling(now: number): { readonly model: string; readonly until: number; readonly reason: string }[] {
    return Array.from(this.#cooling, ([model, { until, reason }]) => ({ model, until, reason })).filter(
      ({ until }) => until > now,
    );
  }

  /** Whether the version before is still there for calls, or in them. */
  draining(now: number): { readonly until: number } | undefined {
    if (this.previous === undefined) return undefined;
    return now < this.#previousUntil || this.previous.inFlight > 0
      ? { until: this.#previousUntil }
      : undefined;
  }

  #valid(version: KeyVersion, now: number): boolean {
    if (version.expiresAt <= this.clock.wallTime()) return false;
    const quarantine = this.#quarantines.get(version);
    if (quarantine === undefined) return true;
    if (now < quarantine.until) return false;
    this.#quarantines.delete(version);
    return true;
  }
}
