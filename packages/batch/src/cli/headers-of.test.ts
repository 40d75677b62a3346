import { expect, test } from 'vitest';
import { headersOf } from './headers-of.ts';

const env = { ANTHROPIC_API_KEY: 'sk-a', OPENAI_API_KEY: 'sk-o' };

test.each([
  ['https://api.anthropic.com', undefined, { 'x-api-key': 'sk-a' }],
  ['https://api.anthropic.com', '/v1/chat/completions', { authorization: 'Bearer sk-a' }],
  ['https://api.openai.com', '/v1/chat/completions', { authorization: 'Bearer sk-o' }],
  ['https://api.openai.com', '/v1/messages', { 'x-api-key': 'sk-o' }],
  ['https://gateway.test', '/v1/messages?beta=true', { 'x-api-key': 'sk-a' }],
  ['https://gateway.test', '/v1/embeddings', { authorization: 'Bearer sk-o' }],
])('%s %s gets a key of its own provider', (upstream, url, headers) => {
  const request = { customId: 'a', params: {}, ...(url !== undefined && { url }) };
  expect(headersOf({ 'x-mine': '1' }, env, upstream)(request)).toEqual({ 'x-mine': '1', ...headers });
  expect(headersOf({}, { ANTHROPIC_API_KEY: '' }, upstream)(request)).toEqual({});
});
