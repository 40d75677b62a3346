import { format, inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { Secret } from './index.ts';

const secret = new Secret('canary');

describe('a secret', () => {
  test.each<[string, () => unknown]>([
    ['String()', () => String(secret)],
    ['a template', () => `key: ${secret as unknown as string}`],
    ['a sum', () => 'key: ' + (secret as unknown as string)],
    ['JSON', () => JSON.stringify({ secret, list: [secret] })],
    [
      'inspect',
      () => inspect({ secret }, { depth: null, showHidden: true, showProxy: true, customInspect: true }),
    ],
    [
      'inspect without custom forms',
      () => inspect({ secret }, { depth: null, showHidden: true, customInspect: false }),
    ],
    ['format', () => format('%s %o %O %j', secret, secret, secret, secret)],
    ['an error', () => inspect(new Error(`no ${secret as unknown as string}`, { cause: secret }))],
    ['its keys', () => [Object.keys(secret), Object.entries(secret), Reflect.ownKeys(secret)].flat().join()],
    ['a spread', () => JSON.stringify(Object.assign({}, secret))],
    ['a structured clone', () => JSON.stringify(structuredClone(secret))],
  ])('is not shown by %s', (_how, show) => {
    expect(show()).not.toContain('canary');
  });

  test('is told to whoever asks for it', () => {
    expect(secret.reveal()).toBe('canary');
  });
});
