import { ANTHROPIC_PING } from '../../anthropic-wire.ts';
import { errorEvent as errorEventText } from '../../error-body.ts';
import type { Act } from './act.ts';
import { rawHead, wholeBody } from '../planned-reply.ts';
import { lengthOf, sendBeginning, sendReply, sendRest } from './send-reply.ts';

/** A comment keeps a connection busy in every dialect; a `ping` event there is in one only. */
const COMMENT = ': ping\n\n';

/** An error inside a 200. */
export const errorEvent: Act<'error-event'> = async (exchange, reply, behaviour) => {
  const { afterEvents = 0, status = 529, ...words } = behaviour;
  await sendBeginning(exchange, reply, afterEvents);
  const { requestId } = exchange.request;
  await exchange.send(
    errorEventText(reply.dialect, status, { requestId, sequenceNumber: afterEvents, ...words }),
  );
  await exchange.end();
};

/** Alive, but no progress. */
export const pingsOnly: Act<'pings-only'> = async (exchange, reply, behaviour) => {
  const { afterEvents = 1, intervalMs = 10, count = Infinity } = behaviour;
  const rest = await sendBeginning(exchange, reply, afterEvents);
  const ping = reply.dialect === 'anthropic-messages' ? ANTHROPIC_PING : COMMENT;
  for (let sent = 0; sent < count; sent++) {
    await exchange.wait(intervalMs);
    await exchange.send(ping);
  }
  await sendRest(exchange, reply, rest);
};

/** Something, a little at a time. */
export const drip: Act<'drip'> = async (exchange, reply, behaviour) => {
  const { what = 'body', intervalMs = 1, count = Infinity } = behaviour;
  const body = wholeBody(reply);
  switch (what) {
    case 'body':
      await exchange.head(reply.status, [...reply.headers, ...lengthOf(reply)]);
      for (const byte of body) {
        await exchange.send(Uint8Array.of(byte));
        await exchange.wait(intervalMs);
      }
      await exchange.end();
      return;
    case 'headers': {
      const framing = [['content-length', String(body.length)] as const, ['connection', 'close'] as const];
      for (const character of rawHead(reply.status, [...reply.headers, ...framing])) {
        await exchange.raw(character);
        await exchange.wait(intervalMs);
      }
      exchange.request.status = reply.status;
      await exchange.raw(body);
      exchange.close('fin');
      return;
    }
    case 'informational':
      for (let sent = 0; sent < count; sent++) {
        await exchange.raw(rawHead(103, [['link', '</style.css>; rel=preload']]));
        await exchange.wait(intervalMs);
      }
      await sendReply(exchange, reply);
      return;
    case 'comments': {
      const rest = await sendBeginning(exchange, reply, 0);
      for (let sent = 0; sent < count; sent++) {
        await exchange.send(COMMENT);
        await exchange.wait(intervalMs);
      }
      await sendRest(exchange, reply, rest);
    }
  }
};
