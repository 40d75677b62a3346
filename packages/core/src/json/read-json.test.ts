import { expect, it } from 'vitest';
import type { ApiRequest } from '../request.ts';
import { readJson, withJson } from './read-json.ts';

const request = (body: string | Uint8Array | null): ApiRequest => ({
  method: 'POST',
  url: 'https://upstream.test/',
  headers: { a: '1' },
  body: body === null ? null : new Uint8Array(Buffer.from(body)),
  signal: new AbortController().signal,
});

it('parses a body once, for all requests that share its bytes', () => {
  const first = request('{"a":[1]}');
  expect(readJson(first)).toEqual({ a: [1] });
  expect(readJson({ ...first, url: 'https://other.test/' })).toBe(readJson(first));
  expect(readJson(request('{"a":[1]}'))).not.toBe(readJson(first));
});

it('withJson changes the body and nothing else, and is not parsed again', () => {
  const first = request('{"a":1}');
  const json = { b: 'ü' };
  const second = withJson(first, json);
  expect(second).toMatchObject({ method: 'POST', headers: { a: '1' }, url: first.url });
  expect(readJson(second)).toBe(json);
  expect(Buffer.from(second.body as Uint8Array).toString()).toBe('{"b":"ü"}');
  expect(readJson(first)).toEqual({ a: 1 });
});

it('takes a byte order mark', () => {
  expect(readJson(request('\ufeff{"a":1}'))).toEqual({ a: 1 });
});

it.each([
  [null, 'The request needs a JSON body.'],
  ['', 'The request body is not valid JSON.'],
  ['{', 'The request body is not valid JSON.'],
  [Uint8Array.of(0x22, 0xff, 0x22), 'The request body is not valid JSON.'],
])('refuses %j as invalid_request, without a word of it', (body, message) => {
  expect(() => readJson(request(body))).toThrow(
    expect.objectContaining({ code: 'invalid_request', message }),
  );
});
