import { type ErrorCode, PipelineError } from '../errors.ts';

/** Node's and undici's error codes, by what they mean for a call. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  ECONNREFUSED: 'connect_failed',
  ENOTFOUND: 'connect_failed',
  EAI_AGAIN: 'connect_failed',
  EHOSTUNREACH: 'connect_failed',
  ENETUNREACH: 'connect_failed',
  // This host's own want of file handles, memory or ports, of which no endpoint is guilty: no circuit is to open for it.
  EMFILE: 'overloaded',
  ENFILE: 'overloaded',
  ENOBUFS: 'overloaded',
  ENOMEM: 'overloaded',
  EADDRNOTAVAIL: 'overloaded',
  ETIMEDOUT: 'connect_timeout',
  UND_ERR_CONNECT_TIMEOUT: 'connect_timeout',
  ECONNRESET: 'connection_lost',
  EPIPE: 'connection_lost',
  UND_ERR_SOCKET: 'connection_lost',
  UND_ERR_HEADERS_OVERFLOW: 'bad_answer',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'connection_lost',
  // A forward proxy that will not or cannot reach the upstream.
  UND_ERR_ABORTED: 'connect_failed',
  UND_ERR_PRX_TLS: 'connect_failed',
  UND_ERR_CLOSED: 'shutting_down',
  UND_ERR_DESTROYED: 'shutting_down',
  UND_ERR_HEADERS_TIMEOUT: 'first_event_timeout',
  UND_ERR_BODY_TIMEOUT: 'idle_timeout',
  // A request that will not be sent: a header value with a line break in it, for instance, or a URL that is none.
  ERR_INVALID_URL: 'invalid_request',
  UND_ERR_INVALID_ARG: 'invalid_request',
  UND_ERR_NOT_SUPPORTED: 'invalid_request',
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: 'invalid_request',
};

/** Certificate errors of OpenSSL that do not begin like the others. */
const TLS =
  /^(ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|CRL_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERROR_IN_C|INVALID_(CA|PURPOSE)$|PATH_LENGTH|HOSTNAME_MISMATCH|EPROTO$)/;

/**
 * What a transport failure means.
 *
 * @param answered Whether response headers had arrived: a loss is a cut stream from then on.
 */
export function upstreamFailure(error: unknown, answered: boolean): PipelineError {
  if (PipelineError.is(error)) return error;
  const code = codeOf(error);
  let known: ErrorCode | undefined = CODES[code];
  if (known === undefined && TLS.test(code)) known = 'tls_failed';
  // undici's parser errors have a name and not always a code.
  if (known === undefined && (code.startsWith('HPE_') || isParserError(error))) known = 'bad_answer';
  known ??= 'connection_lost';
  if (answered && (known === 'connection_lost' || known === 'bad_answer')) known = 'stream_cut';
  return new PipelineError(known, { cause: error });
}

/**
 * What a failed connection to a forward proxy means: the upstream was not asked, whatever is wrong with the proxy, its
 * certificate included. This host's own want is told as such.
 */
export function proxyFailure(error: unknown): PipelineError {
  const failure = upstreamFailure(error, false);
  if (failure === error || failure.code === 'overloaded') return failure;
  return new PipelineError('connect_failed', { cause: error });
}

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const { code, cause, errors } = error as { code?: unknown; cause?: unknown; errors?: unknown[] };
  // Happy eyeballs reports one error an address. Where IPv6 is switched off, its addresses are not to be had: what the
  // others met says more.
  if (Array.isArray(errors) && errors.length > 0) {
    const codes = errors.map(codeOf);
    return codes.find((one) => one !== 'EADDRNOTAVAIL') ?? (codes[0] as string);
  }
  if (typeof code === 'string') return code;
  // Fetch-like wrappers hide the real one in `cause`.
  return cause === undefined ? '' : codeOf(cause);
}

function isParserError(error: unknown): boolean {
  return error instanceof Error && error.name === 'HTTPParserError';
}
