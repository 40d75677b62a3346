import { errorBody } from '../../error-body.ts';
import type { Act } from './act.ts';
import type { Fixture } from './payload-behaviours.ts';
import { withHeaders, type Headers } from '../planned-reply.ts';
import { providerHeaders } from '../api/provider-headers.ts';
import { sendReply } from './send-reply.ts';

/** The ordinary answer; what it says is already planned. */
export const answer: Act<'answer'> = async (exchange, reply) => {
  await sendReply(exchange, reply);
};

/** An error of the provider. */
export const errorStatus: Act<'status'> = async (exchange, reply, behaviour) => {
  const { status = 500, retryAfter, retryAfterMs, shouldRetry, headers, body, ...words } = behaviour;
  const { requestId, n, receivedAt: at } = exchange.request;
  const { dialect } = reply;
  const told = [
    ['retry-after', retryAfter],
    ['retry-after-ms', retryAfterMs],
    ['x-should-retry', shouldRetry],
  ].filter((pair): pair is [string, string] => pair[1] !== undefined);
  await sendReply(exchange, {
    ...reply,
    status,
    headers: withHeaders(
      [
        ['content-type', 'application/json'],
        ...providerHeaders({ dialect, status, requestId, n, at }),
        ...told,
      ],
      headers,
    ),
    stream: false,
    pieces: [body ?? errorBody(dialect, status, status === 413 ? words : { requestId, ...words })],
  });
};

/** A page from something that is not the provider. */
export const html: Act<'html'> = async (exchange, reply, { status = 200, body }) => {
  const page = `<html><head><title>${status < 400 ? 'Log in' : `${status} Bad Gateway`}</title></head></html>\n`;
  await sendReply(exchange, {
    ...reply,
    status,
    headers: [
      ['content-type', 'text/html'],
      ['server', 'nginx'],
    ],
    stream: false,
    pieces: [body ?? page],
  });
};

/** A way to somewhere else. */
export const redirect: Act<'redirect'> = async (exchange, reply, behaviour) => {
  const location = behaviour.location ?? 'https://elsewhere.invalid/v1/messages';
  await sendReply(exchange, {
    ...reply,
    status: behaviour.status ?? 307,
    headers: [...reply.headers.filter(([name]) => name !== 'content-type'), ['location', location]],
    stream: false,
    pieces: [],
  });
};

/** A response given in full. */
export const fixture: Act<'fixture'> = async (exchange, _reply, behaviour) => {
  const { status = 200, headers = [], intervalMs = 0 } = behaviour;
  await exchange.head(status, isList(headers) ? headers : Object.entries(headers));
  for (const [index, piece] of cut(behaviour).entries()) {
    if (index > 0) await exchange.wait(intervalMs);
    await exchange.send(piece);
  }
  await exchange.end();
};

function isList(headers: Required<Fixture>['headers']): headers is Headers {
  return Array.isArray(headers);
}

function cut({ body, splitAt = [], chunkBytes }: Fixture): Buffer[] {
  const bytes = Buffer.from(body);
  const cuts = [...splitAt];
  const step = Math.floor(chunkBytes ?? 0);
  for (let at = step; step > 0 && at < bytes.length; at += step) cuts.push(at);
  const inside = cuts.filter((at) => at > 0 && at < bytes.length);
  const edges = [...new Set([0, ...inside, bytes.length])].toSorted((a, b) => a - b);
  return edges.slice(1).map((end, index) => bytes.subarray(edges[index], end));
}
