import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GENESIS, newChain, Sealer } from './chain.ts';

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
      const sealer = new Sealer(newChain());
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
