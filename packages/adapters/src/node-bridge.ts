import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Pipeline, PRINCIPAL } from '@sluice/core';
import { bodyLimits, principalOf } from './admission.ts';
import { Client } from './client.ts';
import { inboundBody } from './inbound-body.ts';
import { inboundHeaders } from './inbound-headers.ts';
import type { ParsedBody } from './kept-body.ts';
import type { MountSettings } from './options.ts';
import { refuse } from './refuse.ts';
import { mountedTarget } from './target.ts';

/** Where a framework keeps what the bridge needs. */
export interface Exchange<Req> {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** What `identify` is asked with. */
  readonly subject: Req;
  /** Where body parsers leave what they made of the body. */
  readonly parsed: ParsedBody;
}

/**
 * Takes one HTTP exchange through a pipeline. Every error is answered here, in the caller's dialect: nothing reaches
 * the framework's own error page, which might show a stack.
 *
 * @returns When the exchange is over; never rejects. Undefined when the request does not lie below the mount's base
 *   path, and nothing was done.
 */
export function bridge<Req>(
  pipeline: Pipeline,
  settings: MountSettings<Req>,
  exchange: Exchange<Req>,
): Promise<void> | undefined {
  const target = mountedTarget(exchange.req.url ?? '/', settings.basePath);
  return target === undefined ? undefined : run(pipeline, settings, exchange, target);
}

async function run<Req>(
  pipeline: Pipeline,
  settings: MountSettings<Req>,
  exchange: Exchange<Req>,
  target: string,
): Promise<void> {
  const { req, res, subject, parsed } = exchange;
  const client = new Client(req, res, pipeline.clock, settings.writeStallMs);
  if (client.gone) return;
  try {
    // Everything that can be checked before the pipeline sees the call, the cheapest first.
    const method = req.method as string;
    const limits = bodyLimits(settings, method, target);
    const sent = inboundHeaders(req);
    const principal = settings.identify === undefined ? undefined : await principalOf(settings, subject);
    const { headers, body } = await inboundBody(req, sent, parsed, limits, pipeline.clock);
    const inbound = { method, target, headers, body, controller: client.controller };
    const response = await pipeline.handle(inbound, (state) => {
      if (principal !== undefined) state.set(PRINCIPAL, principal);
    });
    await client.send(response);
  } catch (error) {
    // Refused by its head alone: whoever has sent the whole request already shall keep the connection.
    if (!req.complete) await nextTurn();
    if (client.gone) return;
    const headers = req.headers as Record<string, string>;
    try {
      await client.send(refuse(pipeline, settings, error, { method: req.method as string, target, headers }));
    } catch {
      res.destroy();
    }
  }
}
