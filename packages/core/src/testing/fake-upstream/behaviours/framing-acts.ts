import type { Act } from './act.ts';
import type { BadFraming, Truncate } from './framing-behaviours.ts';
import { rawHead, wholeBody, type Headers, type PlannedReply } from '../planned-reply.ts';
import { lengthOf } from './send-reply.ts';

/** A body that ends before its framing says so. */
export const truncate: Act<'truncate'> = async (exchange, reply, behaviour) => {
  const body = wholeBody(reply);
  const framing = behaviour.framing ?? 'content-length';
  const half = Math.floor(body.length / 2);
  const sent = body.subarray(0, behaviour.afterBytes ?? (framing === 'no-last-chunk' ? body.length : half));
  const announced = framing === 'no-last-chunk' ? sent.length : body.length;
  await exchange.rawHead(reply.status, [...reply.headers, truncatedHeader(framing, announced)]);
  const chunked = framing === 'mid-chunk' || framing === 'no-last-chunk';
  if (chunked) await exchange.raw(`${announced.toString(16)}\r\n`);
  await exchange.raw(sent);
  if (framing === 'no-last-chunk') await exchange.raw('\r\n');
  exchange.close(behaviour.ending ?? 'fin');
};

function truncatedHeader(framing: Required<Truncate>['framing'], bytes: number): Headers[number] {
  switch (framing) {
    case 'content-length':
      return ['content-length', String(bytes)];
    case 'mid-chunk':
    case 'no-last-chunk':
      return ['transfer-encoding', 'chunked'];
    case 'close-delimited':
      return ['connection', 'close'];
  }
}

/** A response that breaks the rules of HTTP. */
export const badFraming: Act<'bad-framing'> = async (exchange, reply, behaviour) => {
  await exchange.raw(badResponse(behaviour.flaw ?? 'cl-and-te', reply, behaviour.bytes ?? 20_480));
  exchange.close('fin');
};

function badResponse(flaw: Required<BadFraming>['flaw'], reply: PlannedReply, bytes: number): string {
  const body = wholeBody(reply).toString();
  const length = Buffer.byteLength(body);
  const chunk = `${length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  const cl: Headers[number] = ['content-length', String(length)];
  const te: Headers[number] = ['transfer-encoding', 'chunked'];
  const response = (content: string, ...framing: Headers): string =>
    rawHead(reply.status, [...reply.headers, ...framing]) + content;
  switch (flaw) {
    case 'bad-chunk-size':
      return response(chunk.replace(/^[0-9a-f]+/, 'not-hex'), te);
    case 'cl-and-te':
      return response(chunk, cl, te);
    case 'huge-header':
      return response(body, cl, ['x-huge', 'x'.repeat(bytes)]);
    case 'lf-only':
      return response(body, cl).replaceAll('\r\n', '\n');
    case 'not-http':
      return 'SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n';
    case 'obs-fold':
      return response(body, ['x-folded', 'one\r\n two'], cl);
    case 'two-cls':
      return response(body, cl, ['content-length', String(length + 1)]);
  }
}

/** The answer, and what nobody asked for behind it, in one segment. */
export const extraBytes: Act<'extra-bytes'> = async (exchange, reply, behaviour) => {
  const poison = '{"poisoned":true}';
  const length = String(poison.length);
  const forged = rawHead(200, [
    ['content-type', 'application/json'],
    ['content-length', length],
  ]);
  await exchange.endWith(
    reply.status,
    [...reply.headers, ...lengthOf(reply)],
    wholeBody(reply),
    behaviour.bytes ?? forged + poison,
  );
};

/** An upgrade to nothing. */
export const switchingProtocols: Act<'http-101'> = async (exchange) => {
  await exchange.rawHead(101, [
    ['connection', 'upgrade'],
    ['upgrade', 'websocket'],
  ]);
  exchange.close('fin');
};

/** A body where there must be none. */
export const noContentWithBody: Act<'204-with-body'> = async (exchange, reply) => {
  const body = wholeBody(reply);
  const length = ['content-length', String(body.length)] as const;
  await exchange.rawHead(204, [...reply.headers, length]);
  await exchange.raw(body);
  exchange.close('fin');
};

/** The given bytes and nothing else. */
export const raw: Act<'raw'> = async (exchange, _reply, behaviour) => {
  await exchange.raw(behaviour.bytes);
  switch (behaviour.ending ?? 'fin') {
    case 'fin':
      exchange.close('fin');
      break;
    case 'rst':
      exchange.close('rst');
      break;
    case 'hold':
      await exchange.wait();
      break;
    case 'keep-alive':
      exchange.releaseRaw();
      break;
  }
};
