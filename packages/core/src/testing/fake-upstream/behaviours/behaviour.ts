import type { Answer, Compressed, ErrorStatus, Fixture, Html, Redirect } from './payload-behaviours.ts';
import type {
  CloseBeforeHeaders,
  CutMidStream,
  EarlyResponse,
  Informational,
  KeepAliveRace,
  ResetAfterHeaders,
  ResetBeforeHeaders,
  ResetMidStream,
  SlowHeaders,
  Stall,
} from './connection-behaviours.ts';
import type { Drip, ErrorEvent, Flood, MalformedSse, PingsOnly } from './stream-behaviours.ts';
import type {
  BadFraming,
  ExtraBytes,
  NoContentWithBody,
  Raw,
  SwitchingProtocols,
  Truncate,
} from './framing-behaviours.ts';

/**
 * What the fake upstream does with one request. Plain data; the same can be written as one line of text, see
 * `parseBehaviour`. Byte-level faults are described by what appears on the wire, not by what a client makes of it.
 */
export type Behaviour = BehaviourCommon &
  (
    | Answer
    | ErrorStatus
    | Html
    | Redirect
    | Fixture
    | ErrorEvent
    | ResetBeforeHeaders
    | CloseBeforeHeaders
    | ResetAfterHeaders
    | ResetMidStream
    | CutMidStream
    | Truncate
    | Stall
    | SlowHeaders
    | KeepAliveRace
    | EarlyResponse
    | PingsOnly
    | Drip
    | Flood
    | MalformedSse
    | Compressed
    | Informational
    | BadFraming
    | ExtraBytes
    | SwitchingProtocols
    | NoContentWithBody
    | Raw
  );

/** The name of a behaviour. */
export type BehaviourKind = Behaviour['kind'];

/** The behaviour of a given name. */
export type BehaviourOf<K extends BehaviourKind> = Extract<Behaviour, { readonly kind: K }>;

/** What every behaviour can be told. */
export interface BehaviourCommon {
  /** Milliseconds to wait, once the request has arrived, before anything is done. Default: 0. */
  readonly delayMs?: number;
  /** For how many requests. Default: 1 where queued with `reply()`, every request where asked for by header. */
  readonly times?: number;
  /** Tells equal header values apart, so that each has its own count of `times`. Means nothing otherwise. */
  readonly tag?: string;
}
