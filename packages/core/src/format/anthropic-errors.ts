import type { ErrorCode, PipelineError } from '../errors.ts';
import type { SseEvent } from '../stream/sse-event.ts';
import { messageOf } from './bodies.ts';
import { get, isObject } from './spot.ts';

const TYPE_OF_STATUS: ReadonlyMap<number, string> = new Map([
  [400, 'invalid_request_error'],
  [401, 'authentication_error'],
  [402, 'billing_error'],
  [403, 'permission_error'],
  [404, 'not_found_error'],
  [408, 'timeout_error'],
  [409, 'conflict_error'],
  [413, 'request_too_large'],
  [429, 'rate_limit_error'],
  [500, 'api_error'],
  [504, 'timeout_error'],
  [529, 'overloaded_error'],
]);

/** The other way round. Of two statuses with the same type the later one counts: a stream's timeout is a 504. */
const STATUS_OF_TYPE: ReadonlyMap<unknown, number> = new Map(
  [...TYPE_OF_STATUS].map(([status, type]) => [type, status]),
);

/** Codes that say more than their status: Anthropic's own gateway answers a used-up budget like this. */
const TYPE_OF_CODE: { readonly [Code in ErrorCode]?: string } = { quota_exceeded: 'billing_error' };

function errorType(error: PipelineError): string {
  const fallback = error.status < 500 ? 'invalid_request_error' : 'api_error';
  return TYPE_OF_CODE[error.code] ?? TYPE_OF_STATUS.get(error.status) ?? fallback;
}

/** The error envelope. */
export function anthropicErrorBody(error: PipelineError, callId: string): string {
  return JSON.stringify({
    type: 'error',
    error: { type: errorType(error), message: messageOf(error) },
    request_id: callId,
  });
}

/** The status of an `error` event. */
export function anthropicErrorStatus(event: SseEvent): number {
  return STATUS_OF_TYPE.get(get(get(event.json, 'error'), 'type')) ?? 500;
}

/** The data of an `error` event is the envelope already. */
export function anthropicErrorEventBody(event: SseEvent): string {
  if (isObject(get(event.json, 'error'))) return event.data;
  return JSON.stringify({
    type: 'error',
    error: { type: 'api_error', message: 'The upstream reported an error.' },
  });
}
