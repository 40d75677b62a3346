import {
  ANSWERED,
  answeredWith,
  breaksOff,
  endsWithEvent,
  type Expected,
  type Fault,
  type InStandard,
  refusedWith,
} from './fault.ts';

const LOST = refusedWith(502, 'connection_lost');
const BAD = refusedWith(502, 'bad_answer');
const CUT_STREAM = endsWithEvent('stream_cut');

/** Long enough for an answer, short enough to wait for. */
const SHORT = { firstEventMs: 250, idleMs: 250, totalMs: 4_000 };

/** In the standard pipeline, once both keys of its pool have been told so. */
const THROTTLED: InStandard = {
  elsewhere: true,
  attempts: 2,
  exhausted: { status: 429, ending: 'error', outcome: 'refused', code: 'rate_limited' },
};

type Rest = Pick<Fault, 'retried'> & Partial<Fault>;

function fault(behaviour: Fault['behaviour'], expected: Expected, rest: Rest): Fault {
  const { kind, ...fields } = behaviour;
  const told = Object.entries(fields).map(([name, value]) =>
    typeof value === 'string' && value.length > 20 ? name : `${name} ${String(value)}`,
  );
  return { name: [kind, ...told].join(', '), behaviour, expected, ...rest };
}

const no = { retried: false } as const;
const yes = { retried: true } as const;
/** The same endpoint would answer the same; another one may not. */
const elsewhere = { retried: false, standard: { elsewhere: true, attempts: 2 } } as const;

/** Nothing is known of the answer yet: the same for streams and others. */
const BEFORE_AN_ANSWER: readonly Fault[] = [
  fault({ kind: 'reset-before-headers' }, LOST, yes),
  fault({ kind: 'close-before-headers' }, LOST, yes),
  fault({ kind: 'http-101' }, LOST, yes),
  fault({ kind: 'raw', bytes: 'HTTP/1.1 200 OK\r\ncontent-le', ending: 'fin' }, LOST, yes),
  fault({ kind: 'raw', bytes: 'HTTP/1.1 200 OK\r\ncontent-le', ending: 'rst' }, LOST, yes),
  fault(
    { kind: 'raw', bytes: 'HTTP/1.1 999 What\r\ncontent-length: 2\r\n\r\n{}', ending: 'keep-alive' },
    BAD,
    yes,
  ),
  fault({ kind: 'informational', count: 1_000 }, BAD, yes),
  fault({ kind: 'informational', count: 3 }, ANSWERED, no),
  fault({ kind: 'drip', what: 'informational', intervalMs: 1 }, BAD, yes),
  fault({ kind: 'slow-headers', headersDelayMs: 20 }, ANSWERED, no),
  fault({ kind: 'drip', what: 'headers', intervalMs: 0 }, ANSWERED, no),
  fault({ kind: 'drip', what: 'body', intervalMs: 0 }, ANSWERED, no),
  fault({ kind: 'bad-framing', flaw: 'cl-and-te' }, LOST, yes),
  fault({ kind: 'bad-framing', flaw: 'two-cls' }, LOST, yes),
  fault({ kind: 'bad-framing', flaw: 'obs-fold' }, BAD, yes),
  fault({ kind: 'bad-framing', flaw: 'lf-only' }, BAD, yes),
  fault({ kind: 'bad-framing', flaw: 'not-http' }, BAD, yes),
  fault({ kind: 'bad-framing', flaw: 'huge-header' }, BAD, yes),
  fault({ kind: 'html' }, BAD, yes),
  fault({ kind: 'html', status: 502 }, answeredWith(502), yes),
  fault({ kind: 'redirect' }, BAD, elsewhere),
  fault({ kind: '204-with-body' }, BAD, yes),
  fault({ kind: 'early-response' }, answeredWith(413), no),
  fault({ kind: 'compressed', encoding: 'gzip' }, ANSWERED, no),
  fault({ kind: 'compressed', encoding: 'deflate' }, ANSWERED, no),
  fault({ kind: 'compressed', encoding: 'br' }, ANSWERED, no),
  fault({ kind: 'compressed', encoding: 'zstd' }, ANSWERED, no),
  fault({ kind: 'compressed', layers: 2 }, ANSWERED, no),
  fault({ kind: 'compressed', layers: 3 }, BAD, elsewhere),
  ...[400, 403, 404, 413, 422, 501].map((status) =>
    fault({ kind: 'status', status }, answeredWith(status), no),
  ),
  fault({ kind: 'status', status: 401 }, answeredWith(401), {
    retried: false,
    standard: { elsewhere: true, attempts: 2, exhausted: refusedWith(502, 'credential_refused') },
  }),
  fault({ kind: 'status', status: 429 }, answeredWith(429), { retried: true, standard: THROTTLED }),
  ...[408, 409, 500, 502, 503, 504, 529].map((status) =>
    fault({ kind: 'status', status }, answeredWith(status), yes),
  ),
  fault({ kind: 'status', status: 500, shouldRetry: 'false' }, answeredWith(500), elsewhere),
  fault({ kind: 'status', status: 429, code: 'enforced_spend_limit_reached' }, answeredWith(429), {
    retried: false,
    standard: THROTTLED,
  }),
  fault({ kind: 'status', status: 529, retryAfter: '3600' }, answeredWith(529), elsewhere),
  fault({ kind: 'status', status: 429, retryAfter: 'soon' }, answeredWith(429), {
    retried: true,
    standard: THROTTLED,
  }),
];

/** What can happen to a stream. */
export const STREAM_FAULTS: readonly Fault[] = [
  ...BEFORE_AN_ANSWER,
  fault({ kind: 'reset-after-headers' }, CUT_STREAM, { retried: true, exhausted: LOST }),
  fault({ kind: 'bad-framing', flaw: 'bad-chunk-size' }, CUT_STREAM, { retried: true, exhausted: LOST }),
  fault({ kind: 'reset-mid-stream', afterEvents: 1 }, CUT_STREAM, { retried: true, exhausted: LOST }),
  fault({ kind: 'reset-mid-stream' }, CUT_STREAM, no),
  fault({ kind: 'cut-mid-stream', afterEvents: 1 }, CUT_STREAM, { retried: true, exhausted: LOST }),
  fault({ kind: 'cut-mid-stream', ending: 'last-chunk' }, CUT_STREAM, no),
  fault({ kind: 'cut-mid-stream', ending: 'fin' }, CUT_STREAM, no),
  fault({ kind: 'cut-mid-stream', ending: 'close-delimited' }, CUT_STREAM, no),
  fault({ kind: 'truncate', framing: 'content-length' }, CUT_STREAM, no),
  fault({ kind: 'truncate', framing: 'content-length', ending: 'rst' }, CUT_STREAM, no),
  fault({ kind: 'truncate', framing: 'mid-chunk' }, CUT_STREAM, no),
  fault({ kind: 'truncate', framing: 'mid-chunk', ending: 'rst' }, CUT_STREAM, no),
  fault({ kind: 'truncate', framing: 'close-delimited' }, CUT_STREAM, no),
  fault({ kind: 'truncate', framing: 'close-delimited', ending: 'rst' }, CUT_STREAM, no),
  // The last event is there: nothing of value is lost.
  fault({ kind: 'truncate', framing: 'no-last-chunk' }, ANSWERED, no),
  fault({ kind: 'truncate', framing: 'no-last-chunk', ending: 'rst' }, ANSWERED, no),
  fault({ kind: 'stall', at: 'before-headers' }, refusedWith(504, 'first_event_timeout'), {
    retried: true,
    timeouts: SHORT,
  }),
  fault({ kind: 'stall', at: 'after-headers' }, endsWithEvent('first_event_timeout'), {
    retried: true,
    exhausted: refusedWith(504, 'first_event_timeout'),
    timeouts: SHORT,
  }),
  fault({ kind: 'stall', afterEvents: 5 }, endsWithEvent('idle_timeout'), {
    retried: false,
    timeouts: SHORT,
  }),
  fault({ kind: 'pings-only' }, endsWithEvent('first_event_timeout'), {
    retried: true,
    exhausted: refusedWith(504, 'first_event_timeout'),
    timeouts: SHORT,
  }),
  fault({ kind: 'drip', what: 'comments' }, endsWithEvent('first_event_timeout'), {
    retried: true,
    exhausted: refusedWith(504, 'first_event_timeout'),
    timeouts: SHORT,
  }),
  fault(
    { kind: 'error-event' },
    { ...CUT_STREAM, code: 'stream_error' },
    { retried: true, exhausted: answeredWith(529) },
  ),
  fault(
    { kind: 'error-event', status: 400 },
    { ...CUT_STREAM, code: 'stream_error' },
    { retried: false, exhausted: answeredWith(400) },
  ),
  fault({ kind: 'error-event', afterEvents: 4 }, { ...CUT_STREAM, code: 'stream_error' }, no),
  fault({ kind: 'flood', bytes: 2 << 20 }, ANSWERED, no),
  fault({ kind: 'flood', bytes: 2 << 20 }, endsWithEvent('answer_too_large'), {
    name: 'flood of more than is allowed',
    retried: false,
    transport: { maxAnswerBytes: 1 << 20 },
  }),
  fault({ kind: 'malformed-sse', flaw: 'huge-line', bytes: 4 << 20 }, endsWithEvent('answer_too_large'), no),
  ...(
    [
      'bad-json',
      'bad-utf8',
      'bom',
      'cr-only',
      'crlf',
      'no-final-blank-line',
      'no-space',
      'nul',
      'split-data',
    ] as const
  ).map((flaw) => fault({ kind: 'malformed-sse', flaw }, ANSWERED, no)),
  // To whoever reads by the rules it holds not a single event.
  fault({ kind: 'malformed-sse', flaw: 'no-blank-line' }, CUT_STREAM, { retried: true, exhausted: LOST }),
  fault({ kind: 'compressed', flaw: 'truncated' }, endsWithEvent('bad_answer'), no),
  fault({ kind: 'compressed', flaw: 'corrupt' }, endsWithEvent('bad_answer'), {
    ...elsewhere,
    exhausted: BAD,
  }),
  fault({ kind: 'compressed', flaw: 'trailing-garbage' }, ANSWERED, no),
  fault({ kind: 'compressed', flaw: 'bomb', bytes: 4 << 20 }, endsWithEvent('bad_answer'), {
    ...elsewhere,
    exhausted: BAD,
  }),
];

/** What can happen to an answer that comes whole. */
export const PLAIN_FAULTS: readonly Fault[] = [
  ...BEFORE_AN_ANSWER,
  fault({ kind: 'reset-after-headers' }, LOST, yes),
  fault({ kind: 'bad-framing', flaw: 'bad-chunk-size' }, LOST, yes),
  fault({ kind: 'reset-mid-stream', afterEvents: 2 }, LOST, yes),
  fault({ kind: 'cut-mid-stream', afterEvents: 2, ending: 'last-chunk' }, LOST, yes),
  fault({ kind: 'cut-mid-stream', afterEvents: 2, ending: 'fin' }, LOST, yes),
  fault({ kind: 'cut-mid-stream', afterEvents: 2, ending: 'close-delimited' }, LOST, yes),
  fault({ kind: 'truncate', framing: 'content-length' }, LOST, yes),
  fault({ kind: 'truncate', framing: 'content-length', ending: 'rst' }, LOST, yes),
  fault({ kind: 'truncate', framing: 'mid-chunk' }, LOST, yes),
  fault({ kind: 'truncate', framing: 'mid-chunk', ending: 'rst' }, LOST, yes),
  fault({ kind: 'truncate', framing: 'no-last-chunk' }, LOST, yes),
  fault({ kind: 'truncate', framing: 'no-last-chunk', ending: 'rst' }, LOST, yes),
  fault({ kind: 'truncate', framing: 'close-delimited' }, LOST, yes),
  fault({ kind: 'truncate', framing: 'close-delimited', ending: 'rst' }, LOST, yes),
  fault({ kind: 'stall', at: 'before-headers' }, refusedWith(504, 'total_timeout'), {
    retried: false,
    timeouts: { totalMs: 400 },
  }),
  fault({ kind: 'stall', at: 'after-headers' }, refusedWith(504, 'first_event_timeout'), {
    retried: true,
    timeouts: SHORT,
  }),
  fault({ kind: 'stall', afterEvents: 2 }, refusedWith(504, 'first_event_timeout'), {
    retried: true,
    timeouts: SHORT,
  }),
  fault({ kind: 'flood', bytes: 2 << 20 }, ANSWERED, no),
  fault({ kind: 'flood', bytes: 2 << 20 }, refusedWith(502, 'answer_too_large'), {
    name: 'flood of more than is allowed',
    retried: false,
    transport: { maxAnswerBytes: 1 << 20 },
  }),
  fault({ kind: 'flood', bytes: 4 << 20 }, breaksOff('answer_too_large'), {
    name: 'flood of more than is allowed, when much of it has gone out',
    retried: false,
    // Moderation holds what is not streamed until it has seen all of it.
    standard: { exhausted: refusedWith(502, 'answer_too_large') },
    transport: { maxAnswerBytes: 3 << 20 },
  }),
  fault({ kind: 'compressed', flaw: 'truncated' }, BAD, elsewhere),
  fault({ kind: 'compressed', flaw: 'corrupt' }, BAD, elsewhere),
  // zlib takes it for a damaged second member, and keeps what it has inflated to itself.
  fault({ kind: 'compressed', flaw: 'trailing-garbage' }, BAD, elsewhere),
  fault({ kind: 'compressed', flaw: 'bomb', bytes: 4 << 20 }, BAD, elsewhere),
];
