import type { ErrorCode, PipelineError } from '../errors.ts';
import { messageOf } from './bodies.ts';
import { get } from './spot.ts';

/** What OpenAI's error object holds. */
export interface OpenaiError {
  /** For people. */
  readonly message: string;
  /** Coarse class. */
  readonly type: string;
  /** The field at fault. */
  readonly param: string | null;
  /** Exact reason. */
  readonly code: string | null;
}

const TYPE_OF_STATUS: ReadonlyMap<number, string> = new Map([
  [401, 'authentication_error'],
  [403, 'permission_error'],
  [404, 'not_found_error'],
  [408, 'timeout_error'],
  [429, 'rate_limit_error'],
  [504, 'timeout_error'],
]);

/** Codes that clients know under OpenAI's own name. */
const CODE_NAMES: { readonly [Code in ErrorCode]?: string } = { quota_exceeded: 'insufficient_quota' };

/** Says a refusal in OpenAI's words. */
export function openaiError(error: PipelineError): OpenaiError {
  const known = CODE_NAMES[error.code];
  const fallback = error.status < 500 ? 'invalid_request_error' : 'server_error';
  return {
    message: messageOf(error),
    type: known ?? TYPE_OF_STATUS.get(error.status) ?? fallback,
    param: null,
    code: known ?? error.code,
  };
}

/** Codes and types of OpenAI and of servers like it. */
const STATUSES: ReadonlyMap<unknown, number> = new Map<unknown, number>([
  ['invalid_request_error', 400],
  ['context_length_exceeded', 400],
  ['content_filter', 400],
  ['invalid_prompt', 400],
  ['authentication_error', 401],
  ['invalid_api_key', 401],
  ['permission_error', 403],
  ['not_found_error', 404],
  ['model_not_found', 404],
  ['insufficient_quota', 429],
  ['rate_limit_error', 429],
  ['rate_limit_exceeded', 429],
  ['tokens', 429],
  ['requests', 429],
  ['server_error', 500],
  ['timeout_error', 504],
  ['overloaded_error', 529],
]);

/** The status that an error object would have had as a plain answer: by its code, which may be a number, or type. */
export function openaiErrorStatus(error: unknown): number {
  const code = get(error, 'code');
  const number = typeof code === 'string' || typeof code === 'number' ? Number(code) : Number.NaN;
  if (Number.isInteger(number) && number >= 400 && number <= 599) return number;
  return STATUSES.get(code) ?? STATUSES.get(get(error, 'type')) ?? 500;
}

/** An upstream's error object with every field that clients read. */
export function openaiErrorFrom(error: unknown): OpenaiError {
  const message = typeof error === 'string' ? error : get(error, 'message');
  const type = get(error, 'type');
  return {
    message: typeof message === 'string' ? message : 'The upstream reported an error.',
    type: typeof type === 'string' && type !== 'error' ? type : 'server_error',
    param: stringOrNull(get(error, 'param')),
    code: stringOrNull(get(error, 'code')),
  };
}

function stringOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : null;
}
