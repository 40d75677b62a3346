import type {
  CutMidStream,
  EarlyResponse,
  Informational,
  KeepAliveRace,
  ResetMidStream,
  SlowHeaders,
  Stall,
} from './connection-behaviours.ts';
import type { BadFraming, ExtraBytes, Raw, Truncate } from './framing-behaviours.ts';
import type { Answer, Compressed, ErrorStatus, Fixture, Html, Redirect } from './payload-behaviours.ts';
import type { Drip, ErrorEvent, Flood, MalformedSse, PingsOnly } from './stream-behaviours.ts';

/** What every behaviour can be told. */
export interface BehaviourCommon {
  /** Milliseconds to wait, once the request has arrived, before anything is done. Default: 0. */
  readonly delayMs?: number;
  /** For how many requests. Default: 1 where queued with `reply()`, every request where asked for by header. */
  readonly times?: number;
  /** Tells equal header values apart, so that each has its own count of `times`. Means nothing otherwise. */
  readonly tag?: string;
}

type NoFields = Readonly<Record<never, never>>;

/** All behaviours by name, with the fields of each. */
export interface BehaviourTable {
  /** The ordinary answer, or one with given words. */
  readonly answer: Answer;
  /** An error response in the dialect of the request. */
  readonly status: ErrorStatus;
  /** An HTML page, as a captive portal or a gateway in between sends it. */
  readonly html: Html;
  /** A redirect, which carries no body. */
  readonly redirect: Redirect;
  /** A response given in full, for instance recorded traffic. Only `connection` and framing headers may be added. */
  readonly fixture: Fixture;
  /** A body with a content coding, whether or not it was asked for. */
  readonly compressed: Compressed;
  /** Status 200, then an error event in the dialect, after which nothing follows. Always a stream. */
  readonly 'error-event': ErrorEvent;
  /** A stream in which, after some events, nothing but pings comes. Always a stream. */
  readonly 'pings-only': PingsOnly;
  /** Something sent a little at a time. */
  readonly drip: Drip;
  /** A very long answer, written no faster than it is read. */
  readonly flood: Flood;
  /** A complete stream with a flaw in its SSE. Always a stream. */
  readonly 'malformed-sse': MalformedSse;
  /** RST once the request has been read. */
  readonly 'reset-before-headers': NoFields;
  /** FIN once the request has been read, without a byte. */
  readonly 'close-before-headers': NoFields;
  /** The whole head, then RST. */
  readonly 'reset-after-headers': NoFields;
  /** Some events (of a JSON body: some quarters), then RST. */
  readonly 'reset-mid-stream': ResetMidStream;
  /** Some events (of a JSON body: some quarters), then an end that looks orderly. */
  readonly 'cut-mid-stream': CutMidStream;
  /** Silence. The connection stays open. */
  readonly stall: Stall;
  /** The ordinary answer, late. */
  readonly 'slow-headers': SlowHeaders;
  /** Answers, then closes the connection, without a byte, when the next request arrives on it. */
  readonly 'keep-alive-race': KeepAliveRace;
  /** An error sent before the request's body has been read; only from a header or `reply()`, as `script()` comes late. */
  readonly 'early-response': EarlyResponse;
  /** Informational responses before the answer. */
  readonly informational: Informational;
  /** A body that ends in the middle of what its framing promised. */
  readonly truncate: Truncate;
  /** A response that breaks the rules of HTTP; then FIN. */
  readonly 'bad-framing': BadFraming;
  /** The ordinary answer with more bytes behind it, in the same segment, on a connection that stays open. */
  readonly 'extra-bytes': ExtraBytes;
  /** An upgrade that nobody asked for; then FIN. */
  readonly 'http-101': NoFields;
  /** `204 No Content` with a body; then FIN. */
  readonly '204-with-body': NoFields;
  /** Exactly these bytes on the socket. */
  readonly raw: Raw;
}

/** The name of a behaviour. */
export type BehaviourKind = keyof BehaviourTable;

/** The behaviour of a given name. */
export type BehaviourOf<K extends BehaviourKind> = { readonly kind: K } & BehaviourCommon & BehaviourTable[K];

/**
 * What the fake upstream does with one request. Plain data; the same can be written as one line of text, see
 * `parseBehaviour`. Byte-level faults are described by what appears on the wire, not by what a client makes of it.
 */
export type Behaviour = { readonly [K in BehaviourKind]: BehaviourOf<K> }[BehaviourKind];
