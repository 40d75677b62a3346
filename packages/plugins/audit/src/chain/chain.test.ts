import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GENESIS, newChain, Sealer } from './chain.ts';
import { DIGEST_CHARS, newKey } from './salts.ts';

const key = newKey();

/** The definition, word for word. */
function chained(records: readonly string[]): string {
  let previous = Buffer.from(GENESIS, 'binary');
  return records
    .map((members, seq) => {
      const line = `{"seq":${seq},${members}`;
      previous = createHash('sha256').update('\0').update(previous).update(line).digest();
      return `${line},"hash":"${previous.toString('base64url')}"}\n`;
    })
    .join('');
}

test('a line is bound to the one before it, however the records are taken and looked at meanwhile', () => {
  const record = fc.string({ unit: 'binary', maxLength: 300 }).map((text) => `"x":${JSON.stringify(text)}`);
  const step = fc.oneof({ weight: 4, arbitrary: record }, fc.constant('take'), fc.constant('state'));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const sealer = new Sealer(newChain(), key);
      const records = steps.filter((one) => one.startsWith('"'));
      let text = '';
      for (const one of steps) {
        if (one === 'take') text += sealer.take().toString();
        else if (one === 'state') expect(sealer.state.tree.size).toBe(sealer.size);
        else sealer.add(one);
      }
      text += sealer.take().toString();
      expect(text).toBe(chained(records));
      expect(sealer.bytes).toBe(0);
    }),
  );
});

test('digests are salted where they stand, by the key and the number of their record', () => {
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64url');
  const sealer = new Sealer(newChain(), newKey());
  const place = '_'.repeat(DIGEST_CHARS);
  const [request, response] = [sha256('asked'), sha256('answered')];
  sealer.add('"x":"ü"');
  sealer.add(`"ü":"${place}","b":"${place}"`, [
    { direction: 'request', digest: request, fromEnd: 2 * DIGEST_CHARS + 8 },
    { direction: 'response', digest: response, fromEnd: DIGEST_CHARS + 1 },
  ]);
  // The key counts with which they are taken.
  sealer.key = key;
  const [, line = ''] = sealer.take().toString().split('\n');
  const salt = sha256(`\u0004${key}1`).slice(0, 22);
  const digests = {
    a: sha256(`\u0005${salt}request${request}`),
    b: sha256(`\u0005${salt}response${response}`),
  };
  expect(line).toContain(`{"seq":1,"ü":"${digests.a}","b":"${digests.b}","hash":`);
});
