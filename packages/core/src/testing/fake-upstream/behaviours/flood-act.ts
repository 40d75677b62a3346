import type { Act } from './act.ts';
import type { BehaviourOf } from './behaviour.ts';
import { wholeBody, type PlannedReply } from '../planned-reply.ts';

const FLOOD_MARK = '<flood>';

/** What the model is made to say, so that the place of the text can be found in any dialect. */
export const FLOOD_ANSWER: BehaviourOf<'answer'> = { kind: 'answer', text: FLOOD_MARK };

/** An answer longer than anybody wants, held up by the reader alone. */
export const flood: Act<'flood'> = async (exchange, reply, behaviour) => {
  const { bytes = 64 * 2 ** 20, chunkBytes = 64 * 2 ** 10 } = behaviour;
  const { before, around, after } = reply.stream ? partsOfStream(reply) : partsOfBody(reply);
  await exchange.head(reply.status, reply.headers);
  for (const piece of before) await exchange.send(piece);
  const chunk = around('x'.repeat(chunkBytes));
  for (let left = bytes; left > 0; left -= chunkBytes) {
    await exchange.send(left < chunkBytes ? around('x'.repeat(left)) : chunk);
  }
  for (const piece of after) await exchange.send(piece);
  await exchange.end();
};

interface Parts {
  readonly before: readonly string[];
  readonly around: (text: string) => string;
  readonly after: readonly string[];
}

function partsOfStream({ pieces }: PlannedReply): Parts {
  const events = pieces.map(String);
  const at = events.findIndex((event) => event.includes(FLOOD_MARK));
  const [before = '', after = ''] = (events[at] ?? '').split(FLOOD_MARK);
  return {
    before: events.slice(0, at),
    around: (text) => `${before}${text}${after}`,
    after: events.slice(at + 1),
  };
}

/** A body without the mark, say a list of models, is followed by the flood. */
function partsOfBody(reply: PlannedReply): Parts {
  const [before = '', after = ''] = wholeBody(reply).toString().split(FLOOD_MARK);
  return { before: [before], around: (text) => text, after: [after] };
}
