/** What the table below says of one error code. */
export interface ErrorFacts {
  /** HTTP status of the answer to the caller. */
  readonly status: number;
  /** Whether the same call may succeed when it is simply tried again; false becomes `x-should-retry: false`. */
  readonly retryable: boolean;
  /** Sentence for the caller. Holds no internals: no host, path, key or text of the request. */
  readonly message: string;
  /** How a call that ends with this error is counted. */
  readonly outcome: 'refused' | 'upstream-error' | 'timeout' | 'client-abort' | 'shutdown';
}

/** What went wrong; the table {@link ERROR_CODES} says what each code means. */
export type ErrorCode =
  | 'invalid_request'
  | 'json_too_complex'
  | 'duplicate_key'
  | 'duplicate_header'
  | 'unauthenticated'
  | 'forbidden'
  | 'route_not_found'
  | 'method_not_allowed'
  | 'body_timeout'
  | 'body_too_large'
  | 'unsupported_encoding'
  | 'content_blocked'
  | 'rate_limited'
  | 'quota_exceeded'
  | 'overloaded'
  | 'circuit_open'
  | 'no_endpoint'
  | 'residency'
  | 'plugin_failed'
  | 'internal'
  | 'body_already_read'
  | 'connect_failed'
  | 'tls_failed'
  | 'connection_lost'
  | 'stream_cut'
  | 'stream_error'
  | 'bad_answer'
  | 'credential_refused'
  | 'answer_too_large'
  | 'connect_timeout'
  | 'first_event_timeout'
  | 'idle_timeout'
  | 'total_timeout'
  | 'client_abort'
  | 'superseded'
  | 'shutting_down';

const refused = (status: number, retryable: boolean, message: string): ErrorFacts => ({
  status,
  retryable,
  message,
  outcome: 'refused',
});
const upstream = (status: number, retryable: boolean, message: string): ErrorFacts => ({
  status,
  retryable,
  message,
  outcome: 'upstream-error',
});
const timeout = (retryable: boolean, message: string): ErrorFacts => ({
  status: 504,
  retryable,
  message,
  outcome: 'timeout',
});

/**
 * Every error code of Sluice, with its documented meaning. Statuses follow RFC 9110 §15 and what the providers
 * themselves answer in the same situation; 499 is nginx's "client closed request" and is never sent.
 */
export const ERROR_CODES: Readonly<Record<ErrorCode, ErrorFacts>> = {
  // What a caller sent.
  invalid_request: refused(400, false, 'The request is not valid.'),
  json_too_complex: refused(400, false, 'The JSON body is nested too deeply or has too many values.'),
  duplicate_key: refused(400, false, 'The JSON body names a key twice, or a key that is not allowed.'),
  duplicate_header: refused(400, false, 'A header that may appear only once was sent more than once.'),
  unauthenticated: refused(401, false, 'The credentials are missing or not valid.'),
  forbidden: refused(403, false, 'The caller is not allowed to do this.'),
  route_not_found: refused(404, false, 'There is no such route here.'),
  method_not_allowed: refused(405, false, 'This route does not accept this method.'),
  body_timeout: refused(408, false, 'The request body did not arrive in time.'),
  body_too_large: refused(413, false, 'The request body is larger than allowed.'),
  unsupported_encoding: refused(415, false, 'Send the request body without content-encoding.'),
  content_blocked: refused(400, false, 'The content is not allowed.'),
  rate_limited: refused(429, true, 'Too many requests. Try again later.'),
  quota_exceeded: refused(429, false, 'The quota is used up.'),
  // What the pipeline cannot do now.
  overloaded: refused(503, true, 'Too many calls are in progress. Try again later.'),
  circuit_open: refused(503, true, 'The upstream is failing and is given time to recover. Try again later.'),
  no_endpoint: refused(503, true, 'No permitted endpoint can take the call now.'),
  residency: refused(503, false, 'No endpoint in a region that this call may be sent to.'),
  plugin_failed: refused(500, false, 'An internal part failed.'),
  internal: refused(500, false, 'An internal error occurred.'),
  body_already_read: refused(500, false, 'The request body was consumed before it reached this route.'),
  // What the upstream did.
  connect_failed: upstream(502, true, 'The upstream cannot be reached.'),
  tls_failed: upstream(502, false, 'The upstream could not prove its identity.'),
  connection_lost: upstream(502, true, 'The upstream closed the connection before it had answered.'),
  stream_cut: upstream(502, false, 'The answer was cut off by the upstream.'),
  stream_error: upstream(502, false, 'The upstream reported an error while it was answering.'),
  bad_answer: upstream(502, true, 'The upstream sent an answer that cannot be understood.'),
  credential_refused: upstream(502, false, 'The upstream does not accept the credentials of this service.'),
  answer_too_large: upstream(502, false, 'The upstream sent more than allowed.'),
  // What took too long.
  connect_timeout: timeout(true, 'The upstream did not accept the connection in time.'),
  first_event_timeout: timeout(true, 'The upstream did not begin to answer in time.'),
  idle_timeout: timeout(false, 'The upstream stopped in the middle of its answer.'),
  total_timeout: timeout(false, 'The call took longer than allowed.'),
  // Who ended it.
  client_abort: { status: 499, retryable: false, message: 'The caller went away.', outcome: 'client-abort' },
  superseded: {
    status: 499,
    retryable: false,
    message: 'Another attempt of the same call answered first.',
    outcome: 'client-abort',
  },
  shutting_down: {
    status: 503,
    retryable: true,
    message: 'The service is shutting down. Try again.',
    outcome: 'shutdown',
  },
};

/** What a {@link PipelineError} may be given beside its code. */
export interface PipelineErrorOptions {
  /** Replaces the table's sentence. It is sent to the caller: no secrets, no internals, no text of the request. */
  readonly message?: string;
  /** Replaces the table's HTTP status. */
  readonly status?: number;
  /** Replaces the table's answer to "may the same call succeed when tried again?". */
  readonly retryable?: boolean;
  /** The caller should wait at least this long; becomes `retry-after`, rounded up to seconds. */
  readonly retryAfterMs?: number;
  /** Further headers of the answer to the caller, such as the state of a limit. Lower-case names. Default: none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Name of the plugin that refused. */
  readonly plugin?: string;
  /** What really happened, for logs. Never sent to the caller. */
  readonly cause?: unknown;
}

const BRAND = Symbol.for('sluice.PipelineError');

/**
 * A refusal by a plugin, or a failure of the transport. Thrown inside the pipeline and turned into a response once,
 * at the outer edge, in the caller's dialect. An upstream's own 4xx or 5xx is a response, not an error.
 */
export class PipelineError extends Error {
  static {
    this.prototype.name = 'PipelineError';
    Object.defineProperty(this.prototype, BRAND, { value: true });
  }

  /** What went wrong. */
  readonly code: ErrorCode;
  /** HTTP status of the answer to the caller. */
  readonly status: number;
  /** Whether the same call may succeed when it is simply tried again. */
  readonly retryable: boolean;
  /** When to come back, in milliseconds from now; becomes `retry-after`. Undefined: nobody knows. */
  readonly retryAfterMs: number | undefined;
  /** Further headers of the answer, by lower-case names. */
  readonly headers: Readonly<Record<string, string>> | undefined;
  /** The plugin that refused. Undefined: the pipeline itself, or the transport. */
  readonly plugin: string | undefined;

  /** @param code Its row of {@link ERROR_CODES} has what the options leave out. */
  constructor(code: ErrorCode, options: PipelineErrorOptions = {}) {
    const facts = ERROR_CODES[code];
    super(
      options.message ?? facts.message,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.status = options.status ?? facts.status;
    this.retryable = options.retryable ?? facts.retryable;
    this.retryAfterMs = options.retryAfterMs;
    this.headers = options.headers;
    this.plugin = options.plugin;
  }

  /** How a call that ends with this error is counted. */
  get outcome(): ErrorFacts['outcome'] {
    return ERROR_CODES[this.code].outcome;
  }

  /** Tells a PipelineError from other errors, also when two copies of this package are loaded. */
  static is(error: unknown): error is PipelineError {
    return typeof error === 'object' && error !== null && BRAND in error;
  }
}
