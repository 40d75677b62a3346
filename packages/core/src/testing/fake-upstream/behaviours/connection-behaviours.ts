/** How a connection is given up: orderly (FIN) or by a reset (RST). */
export type Ending = 'fin' | 'rst';

/** Some events (of a JSON body: some quarters), then RST. */
export interface ResetMidStream {
  /** How many come first. Default: 5, which includes the first content. Never all of them. */
  readonly afterEvents?: number;
}

/** Some events (of a JSON body: some quarters), then an end that looks orderly. */
export interface CutMidStream {
  /** How many come first. Default: 5, which includes the first content. Never all of them. */
  readonly afterEvents?: number;
  /**
   * `last-chunk`: the response ends as if complete and the connection lives on. `fin`: the connection ends between two
   * chunks. `close-delimited`: a response without any length ends with the connection, which HTTP calls complete.
   * Default: `last-chunk`.
   */
  readonly ending?: 'last-chunk' | 'fin' | 'close-delimited';
}

/** Silence. The connection stays open. */
export interface Stall {
  /** Default: `before-headers`, or `mid-stream` when `afterEvents` is set. */
  readonly at?: 'before-headers' | 'after-headers' | 'mid-stream';
  /** `mid-stream`: how many events come first. Default: 5, which includes the first content. */
  readonly afterEvents?: number;
  /** Milliseconds after which the answer goes on. Default: it never does. */
  readonly stallMs?: number;
}

/** The ordinary answer, late. */
export interface SlowHeaders {
  /** Milliseconds before the head. Default: 1,000. */
  readonly headersDelayMs?: number;
}

/** Answers, then closes the connection, without a byte, when the next request arrives on it. */
export interface KeepAliveRace {
  /** Default: `fin`. */
  readonly ending?: Ending;
}

/** An error sent before the request's body has been read; only from a header or `reply()`, as `script()` comes late. */
export interface EarlyResponse {
  /** Default: 413. */
  readonly status?: number;
  /** `fin`: sends FIN and reads on until the client closes. `rst`: resets. Default: `fin`. */
  readonly ending?: Ending;
}

/** Informational responses before the answer. */
export interface Informational {
  /** Default: 1,000. */
  readonly count?: number;
  /** Default: 103. */
  readonly status?: number;
}
