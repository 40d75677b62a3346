import type { BehaviourCommon, BehaviourKind, BehaviourTable } from './behaviour.ts';
import type { Truncate } from './framing-behaviours.ts';
import type { Drip, MalformedSse } from './stream-behaviours.ts';

/** How a field is written in text: as is, as a number, as JSON, as bytes, or as one of some words. */
export type FieldForm = 'text' | 'number' | 'json' | 'bytes' | readonly string[];

type FieldsOf<B> = { readonly [F in keyof B]-?: FieldForm };

/** The fields that every behaviour has. */
export const COMMON_FIELDS: FieldsOf<BehaviourCommon> = { delayMs: 'number', times: 'number', tag: 'text' };

const ENDING = ['fin', 'rst'];
const WHAT_DRIPS: readonly Required<Drip>['what'][] = ['body', 'headers', 'informational', 'comments'];
const TRUNCATED_FRAMING: readonly Required<Truncate>['framing'][] = [
  'content-length',
  'mid-chunk',
  'no-last-chunk',
  'close-delimited',
];
const SSE_FLAWS: readonly Required<MalformedSse>['flaw'][] = [
  'bad-json',
  'bad-utf8',
  'bom',
  'cr-only',
  'crlf',
  'huge-line',
  'no-blank-line',
  'no-final-blank-line',
  'no-space',
  'nul',
  'split-data',
  'unknown-event',
];
const FRAMING_FLAWS = [
  'bad-chunk-size',
  'cl-and-te',
  'huge-header',
  'lf-only',
  'not-http',
  'obs-fold',
  'two-cls',
];

/** The own fields of every behaviour; the compiler checks that none is missing. */
export const BEHAVIOUR_FIELDS: {
  readonly [K in BehaviourKind]: FieldsOf<BehaviourTable[K]>;
} = {
  answer: {
    text: 'text',
    tokens: 'number',
    thinking: 'text',
    toolName: 'text',
    toolInput: 'json',
    stopReason: 'text',
    model: 'text',
    usage: 'json',
    tokenDelayMs: 'number',
    headers: 'json',
  },
  status: {
    status: 'number',
    retryAfter: 'text',
    retryAfterMs: 'text',
    shouldRetry: 'text',
    type: 'text',
    code: 'text',
    message: 'text',
    body: 'text',
    headers: 'json',
  },
  html: { status: 'number', body: 'text' },
  redirect: { status: 'number', location: 'text' },
  fixture: {
    status: 'number',
    headers: 'json',
    body: 'bytes',
    splitAt: 'json',
    chunkBytes: 'number',
    intervalMs: 'number',
  },
  'error-event': { afterEvents: 'number', status: 'number', type: 'text', code: 'text', message: 'text' },
  'reset-before-headers': {},
  'close-before-headers': {},
  'reset-after-headers': {},
  'reset-mid-stream': { afterEvents: 'number' },
  'cut-mid-stream': { afterEvents: 'number', ending: ['last-chunk', 'fin', 'close-delimited'] },
  truncate: { framing: TRUNCATED_FRAMING, afterBytes: 'number', ending: ENDING },
  stall: { at: ['before-headers', 'after-headers', 'mid-stream'], afterEvents: 'number', stallMs: 'number' },
  'slow-headers': { headersDelayMs: 'number' },
  'keep-alive-race': { ending: ENDING },
  'early-response': { status: 'number', ending: ENDING },
  'pings-only': { afterEvents: 'number', intervalMs: 'number', count: 'number' },
  drip: { what: WHAT_DRIPS, intervalMs: 'number', count: 'number' },
  flood: { bytes: 'number', chunkBytes: 'number' },
  'malformed-sse': { flaw: SSE_FLAWS, atEvent: 'number', bytes: 'number' },
  compressed: {
    encoding: ['gzip', 'deflate', 'br', 'zstd'],
    flaw: ['truncated', 'corrupt', 'trailing-garbage', 'bomb'],
    layers: 'number',
    bytes: 'number',
  },
  informational: { count: 'number', status: 'number' },
  'bad-framing': { flaw: FRAMING_FLAWS, bytes: 'number' },
  'extra-bytes': { bytes: 'bytes' },
  'http-101': {},
  '204-with-body': {},
  raw: { bytes: 'bytes', ending: ['fin', 'rst', 'hold', 'keep-alive'] },
};
