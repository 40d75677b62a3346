import { describe, expect, it } from 'vitest';
import { anthropicMessages } from './anthropic-messages.ts';
import type { Format } from './format.ts';
import { errorFormatFor, FORMATS } from './formats.ts';
import { openaiChat } from './openai-chat.ts';
import { openaiResponses } from './openai-responses.ts';

const matching = (method: string, path: string): readonly Format[] =>
  FORMATS.filter((format) => format.matches(method, path));

describe('matches', () => {
  it.each([
    ['/v1/messages', anthropicMessages],
    ['/anthropic/v1/messages', anthropicMessages],
    ['/v1/messages/count_tokens', anthropicMessages],
    ['/v1/chat/completions', openaiChat],
    ['/openai/deployments/x/chat/completions', openaiChat],
    ['/v1/responses', openaiResponses],
    ['/openai/v1/responses/compact', openaiResponses],
    ['/v1/responses/input_tokens', openaiResponses],
  ])('exactly one format speaks at %s', (path, format) => {
    expect(matching('POST', path)).toEqual([format]);
  });

  it.each([
    '/v1/messages/batches',
    '/v1/messages/batches/x/cancel',
    '/v1/xmessages',
    '/v1/threads/t/messages',
    '/v1/completions',
    '/v1/responses/resp_1',
    '/v1/responses/resp_1/cancel',
    '/v1/embeddings',
    '/',
    '',
    '/%',
  ])('none speaks at %s', (path) => {
    expect(matching('POST', path)).toEqual([]);
  });

  it('only POST carries a body to look at', () => {
    expect(matching('GET', '/v1/messages')).toEqual([]);
  });

  it.each([
    '/v1/messages/',
    '/V1/Messages',
    '/v1/m%65ssages',
    '/v1%2Fmessages',
    '/v1//messages/../v1/messages',
  ])('%s does not slip past, since an upstream may read it leniently', (path) => {
    expect(matching('POST', path)).toEqual([anthropicMessages]);
  });
});

describe('errorFormatFor', () => {
  const of = (url: string, headers: Record<string, string> = {}): Format =>
    errorFormatFor({ method: 'POST', url, headers }, undefined);

  it('keeps the format that matched', () => {
    const request = { method: 'POST', url: 'https://h/', headers: { 'x-api-key': 'k' } };
    expect(errorFormatFor(request, openaiResponses)).toBe(openaiResponses);
  });

  it('speaks to Anthropic clients in their dialect', () => {
    expect(of('https://h/v1/files', { 'anthropic-version': '2026-10-21' })).toBe(anthropicMessages);
    expect(of('https://h/v1/models', { 'x-api-key': 'k' })).toBe(anthropicMessages);
    expect(of('https://h/v1/messages/batches?beta=true')).toBe(anthropicMessages);
    expect(of('https://h/v1/messages')).toBe(anthropicMessages);
  });

  it('speaks to all others in the dialect of OpenAI', () => {
    expect(of('https://h/v1/embeddings')).toBe(openaiChat);
    expect(of('https://h/?x=/v1/messages/')).toBe(openaiChat);
    expect(of('https://h')).toBe(openaiChat);
  });
});
