import type { Act } from './act.ts';
import type { BehaviourOf } from './behaviour.ts';
import { compressBomb, compressPieces } from './compress.ts';
import { wholeBody, type PlannedReply } from '../planned-reply.ts';
import { sendReply } from './send-reply.ts';

const MOST_LAYERS = 8;
const MOST_BOMB_BYTES = 2 ** 30;

/** A body with a content coding, sound or spoilt. Its length, if it has one, is always right. */
export const compressed: Act<'compressed'> = async (exchange, reply, behaviour) => {
  const { encoding = 'gzip', layers = 1 } = behaviour;
  let pieces =
    behaviour.flaw === 'bomb'
      ? [await bomb(reply, behaviour)]
      : await compressPieces(encoding, reply.stream ? reply.pieces : [wholeBody(reply)]);
  const depth = Math.min(layers, MOST_LAYERS);
  for (let layer = 1; layer < depth; layer++) pieces = await compressPieces(encoding, pieces);
  const codings = Array.from({ length: depth }, () => encoding).join(', ');
  await sendReply(exchange, {
    ...reply,
    headers: [...reply.headers, ['content-encoding', codings]],
    pieces: spoil(pieces, behaviour.flaw),
  });
};

/** The body stays valid: blanks after a JSON value mean nothing, and neither does a comment after the last event. */
async function bomb(reply: PlannedReply, behaviour: BehaviourOf<'compressed'>): Promise<Buffer> {
  const { encoding = 'gzip', bytes = 64 * 2 ** 20 } = behaviour;
  const head = reply.stream ? Buffer.concat([wholeBody(reply), Buffer.from(':')]) : wholeBody(reply);
  return compressBomb(encoding, head, Math.min(bytes, MOST_BOMB_BYTES), reply.stream ? '\n\n' : '');
}

function spoil(pieces: readonly Buffer[], flaw: BehaviourOf<'compressed'>['flaw']): readonly Buffer[] {
  const whole = Buffer.concat(pieces);
  const middle = Math.floor(whole.length / 2);
  switch (flaw) {
    case 'truncated':
      return [whole.subarray(0, middle)];
    case 'corrupt':
      return [Buffer.from(whole.map((byte, index) => (Math.abs(index - middle) < 8 ? byte ^ 0xff : byte)))];
    case 'trailing-garbage':
      return [whole, Buffer.from('trailing garbage')];
    case 'bomb':
    case undefined:
      return pieces;
  }
}
