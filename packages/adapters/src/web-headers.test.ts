import { expect, it } from 'vitest';
import { webHeaders } from './web-headers.ts';

it.each([
  ['authorization', 'Bearer a', 'Bearer b'],
  ['authorization', 'Basic YQ==', 'Basic Yg=='],
  ['authorization', 'Bearer a', 'AWS4-HMAC-SHA256 Credential=a, Signature=b'],
  ['x-api-key', 'a', 'b'],
  ['api-key', 'a', 'b'],
  ['anthropic-version', '2023-06-01', '2023-06-01'],
  ['content-type', 'application/json', 'text/plain'],
  ['host', 'a', 'b'],
])('refuses a second %s', (name, first, second) => {
  const headers = new Headers([
    [name, first],
    [name, second],
  ]);
  expect(() => webHeaders(headers)).toThrow(`The header ${name} was sent more than once.`);
});

it.each([
  ['authorization', 'AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host;x, Signature=b'],
  ['content-type', 'multipart/form-data; boundary="a,b"'],
  ['anthropic-beta', 'a, b'],
  ['authorization', 'Bearer a'],
])('leaves %s: %s as it is', (name, value) => {
  expect(webHeaders(new Headers([[name, value]]))).toEqual({ [name]: value });
});

it('drops set-cookie, which is no request header', () => {
  expect(webHeaders(new Headers([['set-cookie', 'a=b']]))).toEqual({});
});
