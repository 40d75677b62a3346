import type { Act } from './act.ts';
import { rawHead, wholeBody } from '../planned-reply.ts';
import { EVENTS_TO_CONTENT, lengthOf, sendBeginning, sendReply, sendRest } from './send-reply.ts';

/** A reset before anything. */
export const resetBeforeHeaders: Act<'reset-before-headers'> = (exchange) => {
  exchange.close('rst');
};

/** An orderly end before anything. */
export const closeBeforeHeaders: Act<'close-before-headers'> = (exchange) => {
  exchange.close('fin');
};

/** A head, then a reset. */
export const resetAfterHeaders: Act<'reset-after-headers'> = async (exchange, reply) => {
  await sendBeginning(exchange, reply, 0);
  exchange.close('rst');
};

/** A beginning, then a reset. */
export const resetMidStream: Act<'reset-mid-stream'> = async (exchange, reply, behaviour) => {
  await sendBeginning(exchange, reply, behaviour.afterEvents ?? EVENTS_TO_CONTENT);
  exchange.close('rst');
};

/** A beginning, then an end that looks orderly. */
export const cutMidStream: Act<'cut-mid-stream'> = async (exchange, reply, behaviour) => {
  const events = behaviour.afterEvents ?? EVENTS_TO_CONTENT;
  await sendBeginning(exchange, reply, events, behaviour.ending === 'close-delimited');
  if ((behaviour.ending ?? 'last-chunk') === 'last-chunk') await exchange.end();
  else exchange.close('fin');
};

/** Silence at some point. */
export const stall: Act<'stall'> = async (exchange, reply, behaviour) => {
  const at = behaviour.at ?? (behaviour.afterEvents === undefined ? 'before-headers' : 'mid-stream');
  if (at === 'before-headers') {
    await exchange.wait(behaviour.stallMs);
    await sendReply(exchange, reply);
    return;
  }
  const events = at === 'after-headers' ? 0 : (behaviour.afterEvents ?? EVENTS_TO_CONTENT);
  const rest = await sendBeginning(exchange, reply, events);
  await exchange.wait(behaviour.stallMs);
  await sendRest(exchange, reply, rest);
};

/** The answer, late. */
export const slowHeaders: Act<'slow-headers'> = async (exchange, reply, behaviour) => {
  await exchange.wait(behaviour.headersDelayMs ?? 1000);
  await sendReply(exchange, reply);
};

/** The answer; the server ends the connection at the next request. */
export const keepAliveRace: Act<'keep-alive-race'> = async (exchange, reply, behaviour) => {
  exchange.connection.endOnNextRequest = behaviour.ending ?? 'fin';
  await sendReply(exchange, reply);
};

/** A whole response while the request is still being sent. */
export const earlyResponse: Act<'early-response'> = async (exchange, reply, behaviour) => {
  const headers = [...reply.headers, ...lengthOf(reply), ['connection', 'close'] as const];
  await exchange.rawHead(reply.status, headers);
  await exchange.raw(wholeBody(reply));
  if (behaviour.ending === 'rst') exchange.close('rst');
  else exchange.closeWriting();
};

/** 103 and the like, then the answer. */
export const informational: Act<'informational'> = async (exchange, reply, behaviour) => {
  const one = rawHead(behaviour.status ?? 103, [['link', '</style.css>; rel=preload']]);
  const batch = 100;
  for (let left = behaviour.count ?? 1000; left > 0; left -= batch) {
    await exchange.raw(one.repeat(Math.min(left, batch)));
  }
  await sendReply(exchange, reply);
};
