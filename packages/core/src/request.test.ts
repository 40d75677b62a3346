import { expect, it } from 'vitest';
import { pathOf, splitUrl } from './request.ts';

it.each([
  ['https://a.test/v1/messages?x=1/2', 'https://a.test', '/v1/messages?x=1/2', '/v1/messages'],
  ['https://a.test:8443/', 'https://a.test:8443', '/', '/'],
  ['https://a.test', 'https://a.test', '/', '/'],
  ['http://[::1]:80//b.test/x', 'http://[::1]:80', '//b.test/x', '//b.test/x'],
  ['https://a.test/x@b.test/', 'https://a.test', '/x@b.test/', '/x@b.test/'],
])('%s is split as URL does it', (url, origin, path, bare) => {
  expect(splitUrl(url)).toEqual({ origin, path });
  expect(pathOf(url)).toBe(bare);
  const { host, protocol, pathname, search } = new URL(url);
  expect([new URL(origin).host, new URL(origin).protocol]).toEqual([host, protocol]);
  expect(pathname + search).toBe(path);
});
