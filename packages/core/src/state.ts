declare const VALUE: unique symbol;

/** Names a value of type `T` in a call's {@link State}. */
export interface StateKey<T> {
  /** Shown in logs; two keys of the same name are still two keys. */
  readonly name: string;
  readonly [VALUE]?: T;
}

/** Makes a key. Keep it in a module and export it, so that plugins share the key and not each other. */
export function stateKey<T>(name: string): StateKey<T> {
  return { name };
}

/** What plugins tell each other about one call. */
export interface State {
  /** The value, or undefined when nobody has set it. */
  get<T>(key: StateKey<T>): T | undefined;
  /** Sets or replaces the value. */
  set<T>(key: StateKey<T>, value: T): void;
}

/** Who calls. Set by the host application (`identify`) or by an identity plugin. */
export interface Principal {
  /** Stable identifier of the caller; not a secret. */
  readonly id: string;
  /** The organisation whose limits, caches and records apply. Default: none. */
  readonly tenant?: string;
  /** Anything the application wants its own plugins to know. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** What a plugin decided about a call's content. */
export interface Verdict {
  /** The plugin that decided. */
  readonly plugin: string;
  /** Identifier of the rule; never the text that matched it. */
  readonly rule: string;
  /** What was done. */
  readonly action: 'blocked' | 'redacted' | 'flagged';
}

/** How a generated answer was labelled, for the records that labelling rules ask for. */
export interface ContentLabel {
  /** The number of the content, which the answer carries too. */
  readonly produceId: string;
  /** Why the answer carries no label that people see. Default: it carries one, or holds no text. */
  readonly exemption?: string;
}

/** Who calls. */
export const PRINCIPAL: StateKey<Principal> = stateKey('principal');
/**
 * Limits of this caller, by the name of the limit that they stand in place of. Set by the host application or an
 * identity plugin, for whoever limits; undefined: those of everybody. 0 forbids, Infinity is no limit.
 */
export const LIMITS: StateKey<Readonly<Record<string, number>>> = stateKey('limits');
/**
 * Regions the call may be sent to. Set by the host application or an identity plugin, for a tenant's data residency;
 * undefined allows all. Routing obeys it, and every attempt is checked against it once more before it is sent.
 */
export const ALLOWED_REGIONS: StateKey<readonly string[]> = stateKey('allowed-regions');
/**
 * How many endpoints could take another attempt of the call now, beside those it was sent to. Set by routing with each
 * attempt, for whoever decides about another one.
 */
export const ALTERNATIVES: StateKey<number> = stateKey('alternatives');
/**
 * Whether an attempt carries one of the operator's keys, each of which has limits of its own and rests by itself. Set by
 * whoever puts them on: a throttle is then that key's affair, and says nothing of the endpoint to callers with others.
 */
export const KEYED: StateKey<boolean> = stateKey('keyed');
/** How the cache took part: RFC 9211's words. */
export const CACHE_STATUS: StateKey<'hit' | 'miss' | 'stale' | 'bypass' | 'collapsed'> =
  stateKey('cache-status');
/** What content plugins decided, in order. */
export const VERDICTS: StateKey<readonly Verdict[]> = stateKey('verdicts');
/** How the answer was labelled as generated. Undefined: it was not. */
export const CONTENT_LABEL: StateKey<ContentLabel> = stateKey('content-label');
