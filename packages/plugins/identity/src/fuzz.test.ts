import { createPipeline, provide, TRANSPORT } from '@sluice/core';
import { scriptedTransport } from '@sluice/core/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { identity, issueKey, KEY_DIRECTORY } from './index.ts';

const { text, key } = issueKey();
const RUNS = 10_000;
const anyText = (maxLength: number) => fc.string({ unit: 'binary', maxLength });
const letters = (length: number) =>
  fc.string({
    unit: fc.constantFrom(...Array.from('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz')),
    minLength: length,
    maxLength: length,
  });

/** Ten kinds of what may stand in an Authorization header. None of them is a key of ours. */
const KINDS: Readonly<Record<string, fc.Arbitrary<string>>> = {
  'any text': anyText(200),
  'any text behind Bearer': anyText(200).map((rest) => `Bearer ${rest}`),
  'another scheme': fc
    .tuple(
      fc.constantFrom('Basic', 'Digest', 'Negotiate', 'Token', 'bearer:', 'Bearer\t', 'Bear'),
      anyText(50),
    )
    .map(([scheme, rest]) => `${scheme} ${text}${rest}`),
  'a key with a letter changed': fc
    .tuple(fc.integer({ min: 0, max: text.length - 1 }), fc.constantFrom('!', '-', '_', '\0', 'é'))
    .map(([at, put]) => `Bearer ${text.slice(0, at)}${text[at] === put ? '.' : put}${text.slice(at + 1)}`),
  'a key cut short or drawn out': fc
    .tuple(fc.integer({ min: 0, max: text.length - 1 }), anyText(80))
    .map(([at, rest]) => `Bearer ${text.slice(0, at)}${rest.length === text.length - at ? '' : rest}`),
  'a made-up key with a wrong checksum': fc
    .tuple(letters(12), letters(43))
    .map(([id, secret]) => `Bearer sk-sl-${id}-${secret}${'0'.repeat(6)}`),
  'names that mean something to JavaScript': fc
    .constantFrom(
      '__proto__',
      'constructor',
      'toString',
      'hasOwnProperty',
      '[object Object]',
      'undefined',
      'null',
      'NaN',
      '{}',
      '[]',
    )
    .chain((word) => anyText(10).map((rest) => `Bearer ${word}${rest}`)),
  'code of others': fc
    .constantFrom(
      "' OR 1=1 --",
      '"; DROP TABLE keys; --',
      "');redis.call('FLUSHALL')--",
      '${7*7}',
      '{{7*7}}',
      '../../etc/passwd',
      '%00',
      '*',
      '\r\nHSET x y z\r\n',
    )
    .chain((word) => anyText(10).map((rest) => `Bearer sk-sl-${word}${rest}`)),
  'very long ones': fc
    .integer({ min: 1_000, max: 16_384 })
    .map((length) => `Bearer sk-sl-${'A'.repeat(length)}`),
  'several at once': anyText(10).map((rest) => `Bearer ${text}, Bearer ${text}${rest}`),
};

test.each(Object.entries(KINDS))(
  '%s: ten thousand are all answered 401, and none is looked up',
  async (_kind, arbitrary) => {
    let asked = 0;
    const find = () => {
      asked++;
      return key;
    };
    const transport = scriptedTransport();
    await using pipeline = createPipeline({
      upstream: 'https://upstream.test',
      plugins: [identity()],
      services: [provide(KEY_DIRECTORY, () => ({ find })), provide(TRANSPORT, () => transport)],
    });
    const answers = new Set<string>();
    for (const authorization of fc.sample(arbitrary, RUNS)) {
      const inbound = { method: 'POST', target: '/v1/messages', headers: { authorization }, body: null };
      const response = await pipeline.handle(inbound);
      answers.add(`${response.status} ${(await response.text()).replace(/"request_id":"[\w-]+"/, '')}`);
    }
    expect([...answers]).toEqual([
      '401 {"type":"error","error":{"type":"authentication_error","message":"The credentials are missing or not valid."},}',
    ]);
    expect(asked).toBe(0);
    expect(transport.requests).toHaveLength(0);
  },
);
