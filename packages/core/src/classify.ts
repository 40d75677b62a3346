import type { Clock } from './clock.ts';
import { type ErrorCode, PipelineError } from './errors.ts';
import { retryAfter } from './retry-after.ts';
import { isResponse } from './stream/is-response.ts';
import { LazyResponse } from './stream/lazy-response.ts';

/** What an attempt's end means for everything that has to decide by it. */
export interface Disposition {
  /** May the same request be sent again to the same endpoint? `throttled` backs off longer. */
  readonly retry: 'no' | 'at-once' | 'backoff' | 'throttled';
  /** May another endpoint take the request? */
  readonly otherEndpoint: boolean;
  /** What it says about the endpoint: an answered 4xx is health, a 429 is capacity, a caller's abort is nothing. */
  readonly health: 'success' | 'failure' | 'ignore';
  /** What it says about the credential: rest it until the limit resets, or take it out. */
  readonly credential: 'keep' | 'cool' | 'quarantine';
  /** Least time to wait before the same endpoint is asked again, when it said so. */
  readonly retryAfterMs: number | undefined;
}

/** What a proper end means. */
export const SUCCESS: Disposition = {
  retry: 'no',
  otherEndpoint: false,
  health: 'success',
  credential: 'keep',
  retryAfterMs: undefined,
};

type Row = Omit<Disposition, 'retryAfterMs'>;

const row = (
  retry: Row['retry'],
  otherEndpoint: boolean,
  health: Row['health'],
  credential: Row['credential'] = 'keep',
): Row => ({ retry, otherEndpoint, health, credential });

const ANSWERED = row('no', false, 'success');
const SERVER_FAILURE = row('backoff', true, 'failure');

const BY_STATUS: Readonly<Record<number, Row>> = {
  401: row('no', true, 'ignore', 'quarantine'),
  402: row('no', true, 'ignore', 'quarantine'),
  // Explained to the caller and never sent elsewhere: a provider's policy is not to be got round.
  403: row('no', false, 'ignore', 'quarantine'),
  408: SERVER_FAILURE,
  409: row('backoff', false, 'ignore'),
  429: row('throttled', true, 'ignore', 'cool'),
  501: row('no', false, 'success'),
  529: row('throttled', true, 'failure'),
};

const REFUSED_HERE = row('no', false, 'ignore');

const BY_CODE: Readonly<Partial<Record<ErrorCode, Row>>> = {
  connect_failed: row('at-once', true, 'failure'),
  connect_timeout: row('at-once', true, 'failure'),
  tls_failed: row('no', true, 'failure'),
  connection_lost: SERVER_FAILURE,
  bad_answer: SERVER_FAILURE,
  first_event_timeout: SERVER_FAILURE,
  // After the commit: nothing can be sent again.
  stream_cut: row('no', false, 'failure'),
  stream_error: row('no', false, 'failure'),
  idle_timeout: row('no', false, 'failure'),
  answer_too_large: row('no', false, 'ignore'),
  // Nothing was sent: this host had no room for it, and no other endpoint finds more.
  overloaded: row('backoff', false, 'ignore'),
  circuit_open: row('no', true, 'ignore'),
  // From inside routing: the keys or the share of one endpoint. Another one has its own.
  credential_refused: row('no', true, 'ignore'),
  rate_limited: row('throttled', true, 'ignore'),
};

/** Limits that waiting does not lift: the organisation's spend cap, an unpaid bill. */
const SPENT = new Set([
  'enforced_spend_limit_reached',
  'contract_spend_limit_reached',
  'insufficient_quota',
  'billing_hard_limit_reached',
]);

/**
 * The one classifier: what an answer or a thrown error means for retry, routing, breaker, limiter and credentials.
 * No plugin has a status list of its own. For a 429, pass the parsed body too (`peekJson`): a spend cap looks like a
 * throttle otherwise.
 */
export function classify(result: unknown, clock: Clock, errorBody?: unknown): Disposition {
  if (!isResponse(result)) {
    if (!PipelineError.is(result)) return { ...REFUSED_HERE, retryAfterMs: undefined };
    const found = BY_CODE[result.code] ?? REFUSED_HERE;
    const { code, retryable, retryAfterMs } = result;
    // An error that says of itself that another try cannot help is believed; a limit that does not say when one may is
    // not to be guessed at.
    const may = retryable && (code !== 'rate_limited' || retryAfterMs !== undefined);
    return { ...found, retry: may ? found.retry : 'no', retryAfterMs };
  }
  const { status } = result;
  if (status < 400) return SUCCESS;
  const retryAfterMs = retryAfter(result, clock);
  const found = ofStatus(status);
  const told = LazyResponse.header(result, 'x-should-retry');
  if (told === 'false' || isSpent(errorBody)) return { ...found, retry: 'no', retryAfterMs };
  // Not a 403: what the provider does not allow is not tried on, whatever else it says.
  if (told === 'true' && found.retry === 'no' && status !== 403)
    return { ...found, retry: 'backoff', retryAfterMs };
  return { ...found, retryAfterMs };
}

/** What an answer with this status means, when nothing else is known of it. */
export function classifyStatus(status: number): Disposition {
  return { ...ofStatus(status), retryAfterMs: undefined };
}

function ofStatus(status: number): Row {
  return BY_STATUS[status] ?? (status > 499 ? SERVER_FAILURE : status > 399 ? ANSWERED : SUCCESS);
}

function isSpent(body: unknown): boolean {
  if (typeof body !== 'object' || body === null) return false;
  const { error } = body as { error?: unknown };
  if (typeof error !== 'object' || error === null) return false;
  const { code, details } = error as { code?: unknown; details?: { error_code?: unknown } | null };
  return SPENT.has(String(code)) || SPENT.has(String(details?.error_code));
}
