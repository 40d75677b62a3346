import { describe, expect, it } from 'vitest';
import { ERROR_CODES, PipelineError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import { SseDecoder } from '../stream/sse-decoder.ts';
import { SseEvent } from '../stream/sse-event.ts';
import { anthropicMessages } from './anthropic-messages.ts';
import { FORMATS } from './formats.ts';
import { openaiChat } from './openai-chat.ts';
import { openaiResponses } from './openai-responses.ts';

const CODES = Object.keys(ERROR_CODES) as ErrorCode[];
const parse = (text: string): unknown => JSON.parse(text);

function only(bytes: string): SseEvent {
  const batch = new SseDecoder({ maxLineBytes: 1 << 20, maxEventBytes: 1 << 20 }).push(Buffer.from(bytes));
  expect(batch?.events).toHaveLength(1);
  expect(batch?.bytes).toEqual(Buffer.from(bytes));
  return batch?.events[0] as SseEvent;
}

describe('errors', () => {
  it.each(FORMATS)(
    'of $name: every code ends a stream with an event that the format itself reads as an error',
    (format) => {
      for (const code of CODES) {
        const event = only(format.errorEvent(new PipelineError(code, { message: 'line\nbreak' }), 'call-1'));
        expect(format.kind(event)).toBe('error');
        expect(format.errorEventStatus(event)).toBeGreaterThanOrEqual(400);
        expect(format.errorEventBody(event)).toContain('line\\nbreak');
      }
    },
  );

  it.each(FORMATS)('of $name: hold the message and nothing internal', (format) => {
    const error = new PipelineError('connect_failed', {
      plugin: 'p-secret',
      cause: new Error('host-secret'),
    });
    for (const text of [format.errorBody(error, 'call-1'), format.errorEvent(error, 'call-1')]) {
      expect(text).toContain(ERROR_CODES.connect_failed.message);
      expect(text).not.toContain('secret');
    }
  });

  it.each(FORMATS)('of $name: a used-up quota says billing once, which stops LangChain', (format) => {
    const said = format.errorBody(new PipelineError('quota_exceeded'), 'c').match(/The quota[^"]*/)?.[0];
    expect(said).toBe('The quota is used up. (billing limit)');
    const own = new PipelineError('quota_exceeded', { message: 'Your Billing limit is reached.' });
    expect(format.errorBody(own, 'c')).toContain('"Your Billing limit is reached."');
  });
});

describe('errors of Anthropic', () => {
  it('are the envelope, with the call as request id', () => {
    expect(parse(anthropicMessages.errorBody(new PipelineError('rate_limited'), 'call-1'))).toEqual({
      type: 'error',
      error: { type: 'rate_limit_error', message: ERROR_CODES.rate_limited.message },
      request_id: 'call-1',
    });
  });

  it.each([
    ['invalid_request', 'invalid_request_error'],
    ['unauthenticated', 'authentication_error'],
    ['forbidden', 'permission_error'],
    ['route_not_found', 'not_found_error'],
    ['method_not_allowed', 'invalid_request_error'],
    ['body_timeout', 'timeout_error'],
    ['body_too_large', 'request_too_large'],
    ['unsupported_encoding', 'invalid_request_error'],
    ['rate_limited', 'rate_limit_error'],
    ['quota_exceeded', 'billing_error'],
    ['internal', 'api_error'],
    ['connect_failed', 'api_error'],
    ['circuit_open', 'api_error'],
    ['idle_timeout', 'timeout_error'],
  ] as const)('%s is a %s', (code, type) => {
    expect(parse(anthropicMessages.errorBody(new PipelineError(code), 'c'))).toMatchObject({
      error: { type },
    });
  });

  it.each([
    ['overloaded_error', 529],
    ['rate_limit_error', 429],
    ['api_error', 500],
    ['invalid_request_error', 400],
    ['timeout_error', 504],
    ['authentication_error', 401],
    ['permission_error', 403],
    ['not_found_error', 404],
    ['request_too_large', 413],
    ['billing_error', 402],
    ['some_future_error', 500],
  ])('an event with %s would have been a %i, with the same body', (type, status) => {
    const data = `{"type":"error",  "error":{"type":"${type}","message":"m"}  }`;
    const event = SseEvent.of('error', data);
    expect(anthropicMessages.errorEventStatus(event)).toBe(status);
    expect(anthropicMessages.errorEventBody(event)).toBe(data);
  });

  it('an event that is no envelope becomes one', () => {
    const body = parse(anthropicMessages.errorEventBody(SseEvent.of('error', 'gateway down')));
    expect(body).toMatchObject({ type: 'error', error: { type: 'api_error' } });
  });
});

describe('errors of OpenAI', () => {
  it('have all four fields', () => {
    const error = {
      message: ERROR_CODES.rate_limited.message,
      type: 'rate_limit_error',
      param: null,
      code: 'rate_limited',
    };
    expect(parse(openaiChat.errorBody(new PipelineError('rate_limited'), 'c'))).toEqual({ error });
    expect(parse(openaiResponses.errorBody(new PipelineError('rate_limited'), 'c'))).toEqual({ error });
  });

  it('name a used-up quota as OpenAI does', () => {
    const body = parse(openaiChat.errorBody(new PipelineError('quota_exceeded'), 'c'));
    expect(body).toMatchObject({ error: { type: 'insufficient_quota', code: 'insufficient_quota' } });
  });

  it('come nested and flat in responses: clients look for the one or the other', () => {
    const event = only(openaiResponses.errorEvent(new PipelineError('stream_cut'), 'c'));
    const said = { message: ERROR_CODES.stream_cut.message, code: 'stream_cut', param: null };
    expect(event.type).toBe('error');
    expect(event.json).toEqual({
      type: 'error',
      sequence_number: 0,
      ...said,
      error: { ...said, type: 'server_error' },
    });
  });

  it.each([
    [{ code: 502 }, 502],
    [{ code: '429', type: 'x' }, 429],
    [{ code: 'insufficient_quota', type: 'insufficient_quota' }, 429],
    [{ code: 'rate_limit_exceeded', type: 'tokens' }, 429],
    [{ code: null, type: 'server_error' }, 500],
    [{ code: 'unknown', type: 'invalid_request_error' }, 400],
    [{ code: 'model_not_found' }, 404],
    [{ code: 7 }, 500],
    ['text', 500],
  ])('an event with %j would have been a %i', (error, status) => {
    const chunk = SseEvent.of('message', JSON.stringify({ error }));
    expect(openaiChat.errorEventStatus(chunk)).toBe(status);
    expect(openaiChat.errorEventBody(chunk)).toBe(chunk.data);
    const nested = SseEvent.of('error', JSON.stringify({ type: 'error', error }));
    expect(openaiResponses.errorEventStatus(nested)).toBe(status);
    const failed = SseEvent.of(
      'response.failed',
      JSON.stringify({ type: 'response.failed', response: { error } }),
    );
    expect(openaiResponses.errorEventStatus(failed)).toBe(status);
  });

  it.each([
    { type: 'error', code: 'server_error', message: 'm', param: null, sequence_number: 3 },
    { type: 'error', error: { type: 'server_error', code: 'server_error', message: 'm', param: null } },
    { type: 'response.failed', response: { error: { code: 'server_error', message: 'm' } } },
  ])('all three spellings in responses become one body: %j', (json) => {
    const event = SseEvent.of(json.type, JSON.stringify(json));
    expect(openaiResponses.errorEventStatus(event)).toBe(500);
    expect(parse(openaiResponses.errorEventBody(event))).toEqual({
      error: { message: 'm', type: 'server_error', param: null, code: 'server_error' },
    });
  });

  it('an event that is no error object becomes one', () => {
    const body = parse(openaiChat.errorEventBody(SseEvent.of('error', '{"message":"down"}')));
    expect(body).toEqual({ error: { message: 'down', type: 'server_error', param: null, code: null } });
  });
});
