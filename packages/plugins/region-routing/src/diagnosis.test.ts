import { testPipeline } from '@sluice/core/testing';
import { expect, test } from 'vitest';
import { regionRouting } from './index.ts';

const anthropic = (type: string, message: string): unknown => ({ type: 'error', error: { type, message } });
const openai = (code: string | null, message: string): unknown => ({
  error: { message, type: 'x', param: null, code },
});

test.each<[what: string, body: unknown, headers: Record<string, string>]>([
  ['region', anthropic('forbidden', 'Request not allowed'), {}],
  [
    'region',
    openai('unsupported_country_region_territory', 'Country, region, or territory not supported'),
    {},
  ],
  ['region', { error: { message: 'User location is not supported for the API use.' } }, {}],
  ['permission', anthropic('permission_error', 'Your API key does not have permission to use the model'), {}],
  ['permission', { message: 'User: arn:… is not authorized to perform: bedrock:InvokeModel' }, {}],
  ['permission', { message: 'no' }, { 'x-amzn-errortype': 'AccessDeniedException' }],
  ['key', { message: 'The security token included in the request is invalid.' }, {}],
  ['key', { message: 'no' }, { 'x-amzn-errortype': 'UnrecognizedClientException' }],
  ['key', openai('invalid_api_key', 'The API key was revoked'), {}],
  ['unknown', { message: 'computer says no' }, {}],
  ['unknown', 'not json', {}],
])('403 because of the %s: %j', async (what, body, headers) => {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const endpoints = [{ id: 'a', region: 'r', url: 'https://a.test' }];
  await using pipe = testPipeline({
    answers: [
      new Response(text, { status: 403, headers: { 'content-type': 'application/json', ...headers } }),
    ],
    plugins: [regionRouting({ endpoints, announce: true })],
  });
  const response = await pipe.post();
  expect(response.headers.get('x-sluice-diagnosis')).toBe(what);
  expect(await response.text()).toBe(text);
});
