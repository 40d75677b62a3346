import type { Ending } from './connection-behaviours.ts';

/** A body that ends in the middle of what its framing promised. */
export interface Truncate {
  /**
   * `content-length`: fewer bytes than announced. `mid-chunk`: fewer than the chunk announced. `no-last-chunk`: whole
   * chunks, but not the last, empty one. `close-delimited`: no announcement at all. Default: `content-length`.
   */
  readonly framing?: 'content-length' | 'mid-chunk' | 'no-last-chunk' | 'close-delimited';
  /** How many bytes of the body are sent. Default: half of them; of `no-last-chunk` all. */
  readonly afterBytes?: number;
  /** Default: `fin`. */
  readonly ending?: Ending;
}

/** A response that breaks the rules of HTTP; then FIN. */
export interface BadFraming {
  /** Default: `cl-and-te`. */
  readonly flaw?:
    | 'bad-chunk-size'
    | 'cl-and-te'
    | 'huge-header'
    | 'lf-only'
    | 'not-http'
    | 'obs-fold'
    | 'two-cls';
  /** `huge-header`: the bytes of its value. Default: 20,480. */
  readonly bytes?: number;
}

/** The ordinary answer with more bytes behind it, in the same segment, on a connection that stays open. */
export interface ExtraBytes {
  /** Default: a whole second response, which says `{"poisoned":true}`. */
  readonly bytes?: string | Uint8Array;
}

/** Exactly these bytes on the socket. */
export interface Raw {
  /** All that is sent, head and framing included. */
  readonly bytes: string | Uint8Array;
  /**
   * What follows. `hold`: nothing, until the client leaves. `keep-alive`: the response counts as complete and the
   * connection takes the next request. Default: `fin`.
   */
  readonly ending?: Ending | 'hold' | 'keep-alive';
}
