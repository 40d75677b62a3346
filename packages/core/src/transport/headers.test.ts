import { expect, it } from 'vitest';
import { forwardedHeaders, relayedHeaders } from './headers.ts';

const sent = (headers: Readonly<Record<string, string>>): Record<string, string> => {
  const list = forwardedHeaders(headers);
  const names = list.filter((_, i) => i % 2 === 0);
  expect(names).toEqual([...new Set(names)]);
  return Object.fromEntries(names.map((name, i) => [name, list[2 * i + 1] as string]));
};

it.each([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'accept-language',
  'cookie',
  'forwarded',
  'origin',
  'referer',
  'via',
  'x-real-ip',
  'x-forwarded-for',
  'x-forwarded-host',
  'sec-fetch-mode',
  'sec-websocket-key',
  'cf-ray',
  'cf-connecting-ip',
  'x-sluice-tenant',
])('does not send %s upstream', (name) => {
  expect(sent({ [name]: 'x' })).toEqual({ 'accept-encoding': 'identity' });
});

it.each([
  'authorization',
  'x-api-key',
  'api-key',
  'anthropic-version',
  'anthropic-beta',
  'content-type',
  'accept',
  'user-agent',
  'x-stainless-lang',
  'x-app',
  'idempotency-key',
  'openai-organization',
  'cfoo',
  'secret',
  'x-forwarder',
  'traceparent',
])('sends %s upstream as it is', (name) => {
  expect(sent({ [name]: 'x, y' })).toEqual({ [name]: 'x, y', 'accept-encoding': 'identity' });
});

it('asks for no content coding, whatever the caller accepts', () => {
  expect(sent({ 'accept-encoding': 'gzip, br' })).toEqual({ 'accept-encoding': 'identity' });
});

it('drops what the connection header names, but not what the call cannot do without', () => {
  const headers = {
    connection: 'Keep-Alive, X-Hop, Authorization, x-api-key,anthropic-version ',
    'x-hop': '1',
    authorization: 'Bearer a',
    'x-api-key': 'k',
    'anthropic-version': 'v',
    'x-other': '2',
  };
  expect(sent(headers)).toEqual({
    authorization: 'Bearer a',
    'x-api-key': 'k',
    'anthropic-version': 'v',
    'x-other': '2',
    'accept-encoding': 'identity',
  });
  expect(relayedHeaders({ connection: 'close, X-Hop', 'x-hop': '1', 'x-other': ['2', '3'] })).toEqual({
    'x-other': ['2', '3'],
  });
});

it.each([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'alt-svc',
  'server',
  'set-cookie',
  'strict-transport-security',
  'via',
  'cf-ray',
  'cf-cache-status',
])('does not relay %s to the caller', (name) => {
  expect(relayedHeaders({ [name]: 'x' })).toEqual({});
});

it.each([
  'content-type',
  'content-length',
  'request-id',
  'x-request-id',
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
  'anthropic-ratelimit-requests-remaining',
  'anthropic-organization-id',
  'openai-processing-ms',
  'date',
  'location',
  'www-authenticate',
])('relays %s as it is', (name) => {
  expect(relayedHeaders({ [name]: 'x', absent: undefined })).toEqual({ [name]: 'x' });
});

it('leaves the given headers alone', () => {
  const headers = Object.freeze({ cookie: 'a', 'x-api-key': 'k' });
  forwardedHeaders(headers);
  relayedHeaders(headers);
  expect(headers).toEqual({ cookie: 'a', 'x-api-key': 'k' });
});
