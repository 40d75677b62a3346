import { describe, expect, test } from 'vitest';
import { isForeignPage, isLoopback } from './access.ts';

const here = { host: 'localhost:3000' };

describe('this machine itself', () => {
  test.each([
    ['127.0.0.1', 'localhost:3000'],
    ['127.8.9.10', '127.0.0.1'],
    ['::1', '[::1]:8080'],
    ['::ffff:127.0.0.1', 'app.localhost'],
    ['127.0.0.1', 'LOCALHOST'],
  ])('%s, asked for as %s, is', (address, host) => {
    expect(isLoopback({ address, headers: { host } })).toBe(true);
  });

  test.each([
    ['another machine', { address: '10.0.0.7', headers: here }],
    ['another machine by IPv6', { address: 'fe80::1', headers: here }],
    ['an address that begins alike', { address: '127.0.0.1.evil.test', headers: here }],
    ['a socket without an address', { address: undefined, headers: here }],
    ['a name of theirs that points here', { address: '127.0.0.1', headers: { host: 'evil.test:3000' } }],
    ['a name that begins alike', { address: '127.0.0.1', headers: { host: 'localhost.evil.test' } }],
    ['a name that ends alike', { address: '127.0.0.1', headers: { host: 'notlocalhost' } }],
    [
      'an address that a name begins with',
      { address: '127.0.0.1', headers: { host: '127.0.0.1.evil.test' } },
    ],
    ['no name', { address: '127.0.0.1', headers: {} }],
    ['a user in the name', { address: '127.0.0.1', headers: { host: 'localhost@evil.test' } }],
  ])('%s is not', (_, visitor) => {
    expect(isLoopback(visitor)).toBe(false);
  });

  test.each(['x-forwarded-for', 'forwarded', 'via', 'x-real-ip', 'x-forwarded-host', 'cf-connecting-ip'])(
    'whoever comes through a proxy that says %s is not, even from here',
    (name) => {
      expect(isLoopback({ address: '127.0.0.1', headers: { ...here, [name]: '127.0.0.1' } })).toBe(false);
    },
  );
});

test('data is for the page itself, and for what is no browser', () => {
  const from = (site?: string): boolean =>
    isForeignPage({ address: '', headers: site === undefined ? {} : { 'sec-fetch-site': site } });
  expect([from(), from('same-origin'), from('none')]).toEqual([false, false, false]);
  expect([from('cross-site'), from('same-site')]).toEqual([true, true]);
});
