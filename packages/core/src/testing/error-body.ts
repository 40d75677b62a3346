import { sseEvent } from './sse.ts';

/** The wire format a request and its answer are in. */
export type Dialect = 'anthropic-messages' | 'openai-chat' | 'openai-responses';

/** What an error is to say where the status' usual words will not do. */
export interface ErrorWords {
  /** The error's `type`, for instance `overloaded_error`. */
  readonly type?: string;
  /** Anthropic: `details.error_code`. OpenAI: `code`. */
  readonly code?: string;
  /** Default: the status' usual one. */
  readonly message?: string;
  /** Anthropic only: the body's `request_id`. */
  readonly requestId?: string;
  /** OpenAI only: the parameter at fault. */
  readonly param?: string;
  /** Error events of the Responses API only: their place in the stream. Default: 0. */
  readonly sequenceNumber?: number;
}

/** An error's JSON body in a dialect. The status chooses the type and message unless `words` has them. */
export function errorBody(dialect: Dialect, status: number, words: ErrorWords = {}): string {
  return dialect === 'anthropic-messages' ? anthropicError(status, words) : openaiError(status, words);
}

/** The event by which a stream that has begun with status 200 tells of an error. */
export function errorEvent(dialect: Dialect, status: number, words: ErrorWords = {}): string {
  switch (dialect) {
    case 'anthropic-messages':
      return sseEvent({ event: 'error', data: anthropicError(status, words) });
    case 'openai-chat':
      return sseEvent({ data: { error: openaiFields(status, words) } });
    case 'openai-responses':
      return sseEvent({
        event: 'error',
        data: {
          type: 'error',
          sequence_number: words.sequenceNumber ?? 0,
          error: openaiFields(status, words),
        },
      });
  }
}

/** The JSON body of an error of the Messages API. */
function anthropicError(status: number, words: ErrorWords = {}): string {
  const [type, message] = ANTHROPIC[status] ?? (status < 500 ? ANTHROPIC_REQUEST : ANTHROPIC_SERVER);
  return JSON.stringify({
    type: 'error',
    error: {
      ...(words.code !== undefined && { details: { error_code: words.code } }),
      type: words.type ?? type,
      message: words.message ?? message,
    },
    ...(words.requestId !== undefined && { request_id: words.requestId }),
  });
}

/** The JSON body of an error of the OpenAI API, indented as the provider indents it. */
function openaiError(status: number, words: ErrorWords = {}): string {
  return JSON.stringify({ error: openaiFields(status, words) }, null, 2);
}

function openaiFields(status: number, words: ErrorWords): object {
  const [type, message, code] = OPENAI[status] ?? (status < 500 ? OPENAI_REQUEST : OPENAI_SERVER);
  return {
    message: words.message ?? message,
    type: words.type ?? type,
    param: words.param ?? null,
    code: words.code ?? code ?? null,
  };
}

type Row = readonly [type: string, message: string, code?: string];

const ANTHROPIC_REQUEST: Row = ['invalid_request_error', 'The request is invalid.'];
const ANTHROPIC_SERVER: Row = ['api_error', 'Internal server error'];
const ANTHROPIC: Readonly<Record<number, Row>> = {
  401: ['authentication_error', 'invalid x-api-key'],
  402: ['billing_error', 'Your credit balance is too low to access the API.'],
  403: ['permission_error', 'Your API key does not have permission to use the specified resource.'],
  404: ['not_found_error', 'Not found'],
  409: ['conflict_error', 'The request conflicts with the state of the resource.'],
  413: ['request_too_large', 'Request exceeds the maximum size'],
  429: ['rate_limit_error', 'This request would exceed your organization’s rate limit.'],
  504: ['timeout_error', 'The request timed out.'],
  529: ['overloaded_error', 'Overloaded'],
};

const OPENAI_REQUEST: Row = ['invalid_request_error', 'The request is invalid.'];
const OPENAI_SERVER: Row = ['server_error', 'The server had an error while processing your request.'];
const OPENAI: Readonly<Record<number, Row>> = {
  401: ['invalid_request_error', 'Incorrect API key provided.', 'invalid_api_key'],
  403: ['invalid_request_error', 'You do not have access to this resource.', 'access_denied'],
  404: ['invalid_request_error', 'The requested resource does not exist.', 'not_found'],
  429: ['requests', 'Rate limit reached for requests.', 'rate_limit_exceeded'],
  503: ['server_error', 'The engine is currently overloaded, please try again later.'],
};
