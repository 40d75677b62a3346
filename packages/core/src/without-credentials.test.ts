import { describe, expect, it } from 'vitest';
import type { ApiRequest } from './request.ts';
import { CREDENTIAL_HEADERS, withoutCredentials } from './without-credentials.ts';

const request = (path: string, headers: Record<string, string> = {}): ApiRequest => ({
  method: 'POST',
  url: `https://upstream.test${path}`,
  headers,
  body: null,
  signal: new AbortController().signal,
});

describe('withoutCredentials', () => {
  it('takes every header away that callers authenticate with, and no other', () => {
    const others = { 'content-type': 'application/json', 'anthropic-beta': 'a,b' };
    const all = Object.fromEntries(CREDENTIAL_HEADERS.map((name) => [name, 'secret']));
    expect(withoutCredentials(request('/v1/messages', { ...all, ...others })).headers).toEqual(others);
  });

  it.each([
    ['/v1/messages?key=s', '/v1/messages'],
    ['/v1/messages?beta=true&API_KEY=s&a=%20b', '/v1/messages?beta=true&a=%20b'],
    ['/v1/messages?%6bey=s&api%2Dkey=s&access_token=s&apikey&x=1', '/v1/messages?x=1'],
    ['/v1/models?%zz=1&key=s', '/v1/models?%zz=1'],
    ['/v1/models?monkey=1&limit=1000', '/v1/models?monkey=1&limit=1000'],
  ])('cleans %s', (path, clean) => {
    expect(withoutCredentials(request(path)).url).toBe(`https://upstream.test${clean}`);
  });

  it('leaves a request alone that has none', () => {
    const clean = request('/v1/messages?beta=true', { accept: '*/*' });
    expect(withoutCredentials(clean)).toBe(clean);
  });
});
