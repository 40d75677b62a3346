/** Status 200, then an error event in the dialect, after which nothing follows. Always a stream. */
export interface ErrorEvent {
  /** How many ordinary events come first. Default: 0. */
  readonly afterEvents?: number;
  /** The status that the event stands for; it chooses type and message. Default: 529. */
  readonly status?: number;
  /** Default: as the provider has it for the status. */
  readonly type?: string;
  /** The error's `code` (OpenAI) or `details.error_code` (Anthropic). Default: as the provider has it. */
  readonly code?: string;
  /** Default: as the provider has it for the status. */
  readonly message?: string;
}

/** A stream in which, after some events, nothing but pings comes. Always a stream. */
export interface PingsOnly {
  /** How many ordinary events come first. Default: 1. */
  readonly afterEvents?: number;
  /** Milliseconds between two pings. Default: 10. */
  readonly intervalMs?: number;
  /** How many pings; then the answer goes on. Default: without end. */
  readonly count?: number;
}

/** Something sent a little at a time. */
export interface Drip {
  /**
   * `body`: the answer's body, byte by byte. `headers`: the head, byte by byte. `informational`: `103` responses, then
   * the answer. `comments`: SSE comments after the head, then the answer, always a stream. Default: `body`.
   */
  readonly what?: 'body' | 'headers' | 'informational' | 'comments';
  /** Milliseconds between two drops. Default: 1. */
  readonly intervalMs?: number;
  /** How many `103`s or comments. Default: without end. */
  readonly count?: number;
}

/** A very long answer, written no faster than it is read. */
export interface Flood {
  /** Bytes of the long part of the body. May be `Infinity`. Default: 64 MiB. */
  readonly bytes?: number;
  /** Bytes of text in each event (of a JSON body: in each write). Default: 64 KiB. */
  readonly chunkBytes?: number;
}

/** A complete stream with a flaw in its SSE. Always a stream. */
export interface MalformedSse {
  /**
   * Harmless, by the standard: `cr-only`, `crlf`, `bom` (at the start), `split-data` (a JSON over several `data:`
   * lines), `nul` (in a comment and an id), `no-space` (after the colon), `unknown-event`. Harmful: `bad-utf8` (in a
   * text), `no-blank-line` (none at all), `no-final-blank-line`, `huge-line` (without an end), `bad-json`.
   * Default: `bad-json`.
   */
  readonly flaw?:
    | 'bad-json'
    | 'bad-utf8'
    | 'bom'
    | 'cr-only'
    | 'crlf'
    | 'huge-line'
    | 'no-blank-line'
    | 'no-final-blank-line'
    | 'no-space'
    | 'nul'
    | 'split-data'
    | 'unknown-event';
  /** Which event is flawed, or comes after the flaw, counted from 0. Default: 3, the first that has content. */
  readonly atEvent?: number;
  /** `huge-line`: its bytes. Default: 64 MiB. */
  readonly bytes?: number;
}
