import type { Act } from './act.ts';
import type { Behaviour, BehaviourKind } from './behaviour.ts';
import { compressed } from './compressed-act.ts';
import {
  closeBeforeHeaders,
  cutMidStream,
  earlyResponse,
  informational,
  keepAliveRace,
  resetAfterHeaders,
  resetBeforeHeaders,
  resetMidStream,
  slowHeaders,
  stall,
} from './connection-acts.ts';
import type { Exchange } from '../exchange.ts';
import { flood } from './flood-act.ts';
import {
  badFraming,
  extraBytes,
  noContentWithBody,
  raw,
  switchingProtocols,
  truncate,
} from './framing-acts.ts';
import { malformedSse } from './malformed-sse-act.ts';
import { answer, errorStatus, fixture, html, redirect } from './payload-acts.ts';
import { withHeaders, type PlannedReply } from '../planned-reply.ts';
import { drip, errorEvent, pingsOnly } from './stream-acts.ts';

const ACTS: { readonly [K in BehaviourKind]: Act<K> } = {
  answer,
  status: errorStatus,
  html,
  redirect,
  fixture,
  'error-event': errorEvent,
  'reset-before-headers': resetBeforeHeaders,
  'close-before-headers': closeBeforeHeaders,
  'reset-after-headers': resetAfterHeaders,
  'reset-mid-stream': resetMidStream,
  'cut-mid-stream': cutMidStream,
  truncate,
  stall,
  'slow-headers': slowHeaders,
  'keep-alive-race': keepAliveRace,
  'early-response': earlyResponse,
  'pings-only': pingsOnly,
  drip,
  flood,
  'malformed-sse': malformedSse,
  compressed,
  informational,
  'bad-framing': badFraming,
  'extra-bytes': extraBytes,
  'http-101': switchingProtocols,
  '204-with-body': noContentWithBody,
  raw,
};

const STREAM_ONLY: ReadonlySet<BehaviourKind> = new Set(['error-event', 'pings-only', 'malformed-sse']);

/** True if the behaviour makes no sense but in a stream, and so answers by one even when none was asked for. */
export function needsStream(behaviour: Behaviour): boolean {
  return STREAM_ONLY.has(behaviour.kind) || (behaviour.kind === 'drip' && behaviour.what === 'comments');
}

/** Carries out a behaviour. */
export async function act(exchange: Exchange, reply: PlannedReply, behaviour: Behaviour): Promise<void> {
  const carryOut = ACTS[behaviour.kind] as Act<BehaviourKind> | undefined;
  if (!carryOut) throw new TypeError(`no behaviour "${String(behaviour.kind)}"`);
  await carryOut(exchange, needsStream(behaviour) ? asStream(reply) : reply, behaviour);
}

/** A route that never streams is given an empty stream. */
function asStream(reply: PlannedReply): PlannedReply {
  if (reply.stream) return reply;
  const headers = withHeaders(reply.headers, { 'content-type': 'text/event-stream; charset=utf-8' });
  return { ...reply, status: 200, headers, stream: true, pieces: [] };
}
