import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../clock.ts';
import { act, needsStream } from './behaviours/acts.ts';
import type { Api } from './api/api.ts';
import type { Behaviour } from './behaviours/behaviour.ts';
import type { BehaviourChooser } from './behaviours/choose-behaviour.ts';
import type { Connection } from './connection.ts';
import { ConnectionLost, Exchange } from './exchange.ts';
import { FLOOD_ANSWER } from './behaviours/flood-act.ts';
import type { PlannedReply } from './planned-reply.ts';
import { readBody } from './read-body.ts';
import type { ExchangeEnd, RecordedRequest } from './recorded-request.ts';
import type { RequestLog } from './request-log.ts';
import { planReply } from './api/routes.ts';

/** One request and everything that has a say in its answer. */
export interface Serving {
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
  readonly request: RecordedRequest;
  readonly connection: Connection;
  readonly chooser: BehaviourChooser;
  readonly log: RequestLog;
  readonly api: Api;
  readonly clock: Clock;
}

/** Receives one request, chooses what to do with it, does it, and tells how that ended. Never rejects. */
export async function serve(serving: Serving): Promise<ExchangeEnd> {
  const { incoming, response, request, connection, clock } = serving;
  const exchange = new Exchange(request, connection, incoming, response, clock);
  try {
    await connection.inTurn(() => converse(serving, exchange));
    return 'complete';
  } catch (error) {
    if (!(error instanceof ConnectionLost)) await fail(exchange, error);
    return 'aborted';
  }
}

async function converse({ chooser, ...serving }: Serving, exchange: Exchange): Promise<void> {
  const { incoming, request, connection, api, log } = serving;
  const ending = connection.endOnNextRequest;
  const early = ending === undefined ? chooser.atHead(request) : undefined;
  let refuse = early?.kind === 'early-response' ? (early.status ?? 413) : undefined;
  if (early?.kind !== 'early-response') {
    const read = await readBody(incoming);
    request.settleReceived(read.body);
    log.addBody(request);
    if (!read.whole) throw new ConnectionLost();
    if (read.tooLarge) refuse = 413;
  }
  if (ending !== undefined) {
    request.behaviour = 'keep-alive-race, second request';
    exchange.close(ending);
    return;
  }
  const behaviour = early ?? (await chooser.byScript(request)) ?? { kind: 'answer' };
  request.behaviour = behaviour.kind;
  const reply = plan(request, api, behaviour, refuse);
  await exchange.wait(behaviour.delayMs ?? 0);
  await act(exchange, reply, behaviour);
}

function plan(
  request: RecordedRequest,
  api: Api,
  behaviour: Behaviour,
  refuse: number | undefined,
): PlannedReply {
  if (refuse !== undefined) return planReply(request, api, { refuse });
  if (behaviour.kind === 'answer') return planReply(request, api, { given: behaviour });
  if (behaviour.kind === 'flood') return planReply(request, api, { given: FLOOD_ANSWER });
  return planReply(request, api, { forceStream: needsStream(behaviour) });
}

/** Makes a behaviour that cannot be carried out seen: in the answer, if none has begun, and in the record. */
async function fail(exchange: Exchange, error: unknown): Promise<void> {
  exchange.request.failure = error;
  const told = `fake upstream: ${error instanceof Error ? error.message : String(error)}\n`;
  try {
    if (exchange.begun) exchange.close('rst');
    else {
      exchange.incoming.resume();
      // Not a status that clients try again: this one is the test's own mistake.
      await exchange.head(400, [
        ['content-type', 'text/plain'],
        ['connection', 'close'],
      ]);
      await exchange.end(told);
    }
  } catch {
    // Nobody is left to be told; the record has it.
    exchange.close('rst');
  }
}
