import { describe, expect, it } from 'vitest';
import { DEFAULT_ROUTES, routeTable } from './routes.ts';

const table = routeTable(DEFAULT_ROUTES);

describe('a route table', () => {
  it('finds each of its routes by method and path', () => {
    for (const route of DEFAULT_ROUTES) {
      expect(table.find(route.method, route.path.replaceAll(/:\w+/g, 'msgbatch_01:a-b.c'))).toBe(route);
    }
  });

  it.each([
    '/',
    '/v1',
    '/v1/messages/',
    '/v1/messages/x/y',
    '/v1/models/a/b',
    '/V1/messages',
    '/v1/messages\n',
    '',
  ])('does not know %j', (path) => {
    expect(table.find('POST', path)).toBe(undefined);
    expect(table.methods(path)).toEqual([]);
  });

  it.each(['.', '..', '', '%2e', 'a%2fb', 'a b', 'a\\b', 'a;b', 'ä', 'a'.repeat(257)])(
    'takes %j for no identifier',
    (segment) => {
      expect(table.find('GET', `/v1/models/${segment}`)).toBe(undefined);
    },
  );

  it('names the methods of a path, whether it is fixed or has identifiers', () => {
    expect(table.methods('/v1/messages/batches').toSorted()).toEqual(['GET', 'POST']);
    expect(table.methods('/v1/files/f').toSorted()).toEqual(['DELETE', 'GET']);
  });

  it('lets the last of two routes replace the one before', () => {
    const routes = [
      { method: 'POST', path: '/v1/messages', maxBodyBytes: 1 },
      { method: 'GET', path: '/v1/models/:model', maxBodyBytes: 2 },
    ];
    const replaced = routeTable([...DEFAULT_ROUTES, ...routes]);
    expect(replaced.find('POST', '/v1/messages')).toBe(routes[0]);
    expect(replaced.find('GET', '/v1/models/m')).toBe(routes[1]);
  });

  it('has no routes that come from Object.prototype', () => {
    expect(table.find('constructor', '/v1/messages')).toBe(undefined);
    expect(table.find('GET', '__proto__')).toBe(undefined);
  });
});
