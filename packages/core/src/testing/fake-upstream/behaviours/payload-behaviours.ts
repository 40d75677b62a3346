/** The ordinary answer, or one with given words. */
export interface Answer {
  /** What is said, instead of an echo of the question. */
  readonly text?: string;
  /** Says a text of this many tokens instead; at most a million. */
  readonly tokens?: number;
  /** What is thought before (Messages API only). */
  readonly thinking?: string;
  /** Calls this tool instead of saying something. */
  readonly toolName?: string;
  /** The tool call's input. Default: `{}`. */
  readonly toolInput?: unknown;
  /** The dialect's own word for why the answer ends. */
  readonly stopReason?: string;
  /** Default: the request's. */
  readonly model?: string;
  /** Laid over the usage, in the dialect's names. */
  readonly usage?: Readonly<Record<string, unknown>>;
  /** Milliseconds between the events of a stream. Default: the server's `tokenDelayMs`. */
  readonly tokenDelayMs?: number;
  /** Further headers; they replace those of the same name. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** An error response in the dialect of the request. */
export interface ErrorStatus {
  /** 200 to 999. Default: 500. */
  readonly status?: number;
  /** The value of `retry-after`: seconds, a date, or anything. */
  readonly retryAfter?: string;
  /** The value of `retry-after-ms`. */
  readonly retryAfterMs?: string;
  /** The value of `x-should-retry`. */
  readonly shouldRetry?: string;
  /** The error's `type`. Default: as the provider has it for the status. */
  readonly type?: string;
  /** The error's `code` (OpenAI) or `details.error_code` (Anthropic). */
  readonly code?: string;
  /** Default: as the provider has it for the status. */
  readonly message?: string;
  /** The whole body, instead of one in the dialect. */
  readonly body?: string;
  /** Further headers; they replace those of the same name. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** An HTML page, as a captive portal or a gateway in between sends it. */
export interface Html {
  /** Default: 200. */
  readonly status?: number;
  /** Default: a short page. */
  readonly body?: string;
}

/** A redirect, which carries no body. */
export interface Redirect {
  /** Default: 307. */
  readonly status?: number;
  /** Default: `https://elsewhere.invalid/v1/messages`. */
  readonly location?: string;
}

/** A response given in full, for instance recorded traffic. Only `connection` and framing headers may be added. */
export interface Fixture {
  /** Default: 200. */
  readonly status?: number;
  /** Default: none. */
  readonly headers?: Readonly<Record<string, string>> | readonly (readonly [name: string, value: string])[];
  /** The bytes of the body, without framing. */
  readonly body: string | Uint8Array;
  /** Byte offsets at which the body is cut into separate writes (and HTTP chunks, unless it has a length). */
  readonly splitAt?: readonly number[];
  /** Cuts the body into writes of this many bytes. */
  readonly chunkBytes?: number;
  /** Milliseconds between two writes. Default: 0. */
  readonly intervalMs?: number;
}

/** A body with a content coding, whether or not it was asked for. */
export interface Compressed {
  /** Default: `gzip`. A stream is flushed after each event. */
  readonly encoding?: 'gzip' | 'deflate' | 'br' | 'zstd';
  /**
   * `truncated`: ends in the middle, in an orderly frame. `corrupt`: some bytes are inverted. `trailing-garbage`: bytes
   * after the end. `bomb`: inflates to `bytes` more of blanks (JSON) or comment (SSE). Default: none.
   */
  readonly flaw?: 'truncated' | 'corrupt' | 'trailing-garbage' | 'bomb';
  /** How many times over it is compressed. Default: 1; at most 8. */
  readonly layers?: number;
  /** `bomb`: inflated bytes. Default: 64 MiB; at most 1 GiB. */
  readonly bytes?: number;
}
