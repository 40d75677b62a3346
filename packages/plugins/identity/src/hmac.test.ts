import fc from 'fast-check';
import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { Hmac } from './hmac.ts';

test('it is HMAC-SHA-256', () => {
  const ascii = fc.string({ unit: 'binary-ascii', maxLength: 100 });
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), ascii, (key, text) => {
      const hmac = new Hmac(key, text.length);
      const expected = createHmac('sha256', key).update(text).digest('binary');
      // Nothing of one text is left for the next.
      hmac.digest('x'.repeat(text.length));
      expect(hmac.digest(text)).toBe(expected);
    }),
    { numRuns: 500 },
  );
});
