import { Call } from './call.ts';
import type { Step } from './chain.ts';
import type { Clock } from './clock.ts';
import { reportSwallowed } from './diagnostics.ts';
import { deliver, refusal } from './edge.ts';
import { PipelineError } from './errors.ts';
import { errorFormatFor } from './format/formats.ts';
import type { Format } from './format/format.ts';
import { inspectJson, type JsonFacts, type JsonLimits } from './json/inspect.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { Random } from './random.ts';
import type { InboundRequest } from './request.ts';
import type { State } from './state.ts';
import { holdAnswer } from './stream/commit.ts';
import { discard } from './stream/peek.ts';
import type { Timeouts } from './transport/timeouts.ts';

/** What the calls of one pipeline share. */
export interface RunnerParts {
  readonly chain: Step;
  readonly clock: Clock;
  readonly random: Random;
  readonly formats: readonly Format[];
  readonly upstream: string;
  readonly timeouts: Timeouts;
  readonly jsonLimits: JsonLimits;
  readonly maxConcurrentCalls: number;
  readonly lifecycle: Lifecycle;
}

/** What is known of a body that was not looked at. */
const NOTHING: JsonFacts = { streamed: false, model: undefined, maxOutputTokens: undefined };

/** What a refusal has to know of a request. */
export type RefusedRequest = Pick<InboundRequest, 'method' | 'target' | 'headers'>;

/** Takes calls through a pipeline. */
export class Runner {
  readonly #parts: RunnerParts;

  constructor(parts: RunnerParts) {
    this.#parts = parts;
  }

  /** The life of a call: looked at, admitted, taken through the chain, delivered or refused. */
  handle(inbound: InboundRequest, seed?: (state: State) => void): Promise<Response> {
    const format = this.#formatOf(inbound);
    const { facts, objection } = this.#inspect(inbound, format);
    const call = this.#call(inbound, format, facts);
    return new Promise((resolve, reject) => {
      const refuse = (error: unknown): void => {
        if (call.ended) return;
        const known = PipelineError.is(error) ? error : new PipelineError('internal', { cause: error });
        // Nothing started, or a part of ours failed: no plugin may have seen the call that could tell of it.
        if (known !== error) reportSwallowed('a call failed', error);
        call.end(known.outcome, known.status, undefined, known);
        // Nobody is there to be answered.
        if (known.code === 'client_abort') reject(known);
        else resolve(refusal(known, call.id, this.#dialectOf(inbound, format)));
      };
      const hand = (response: Response): void => {
        // Given up meanwhile: nobody is there to read it.
        if (call.ended) {
          void discard(response);
          return;
        }
        try {
          resolve(deliver(response, call));
        } catch (error) {
          refuse(error);
        }
      };
      const answered = (response: Response): void => {
        try {
          const held = holdAnswer(response);
          if (held instanceof Promise) held.then(hand, refuse);
          else hand(held);
        } catch (error) {
          refuse(error);
        }
      };
      // A plugin that hears no signal must not keep the caller waiting.
      call.onAbort = refuse;
      try {
        this.#admitted(call, inbound, objection, seed).then(answered, refuse);
      } catch (error) {
        refuse(error);
      }
    });
  }

  /** @throws PipelineError When the call is refused before any plugin sees it. */
  #admitted(
    call: Call,
    { method, target, headers, body }: InboundRequest,
    objection: unknown,
    seed: ((state: State) => void) | undefined,
  ): Promise<Response> {
    const { chain, lifecycle, maxConcurrentCalls, upstream } = this.#parts;
    if (objection !== undefined) throw objection;
    const { aborted, reason } = call.signal;
    if (aborted)
      throw PipelineError.is(reason) ? reason : new PipelineError('client_abort', { cause: reason });
    lifecycle.callStarted(call, maxConcurrentCalls);
    seed?.(call);
    const request = { method, url: upstream + target, headers, body, signal: call.signal };
    return lifecycle.started ? chain(request, call) : lifecycle.start().then(() => chain(request, call));
  }

  /** The answer to a request that a mount refuses before there is a call. */
  refuse(error: PipelineError, inbound: RefusedRequest): Response {
    // The caller is told nothing of it, and there is no call whose outcome could tell: the operator has to know.
    if (error.code === 'internal') reportSwallowed('a mount failed', error.cause);
    return refusal(error, this.#parts.random.uuid(), this.#dialectOf(inbound, this.#formatOf(inbound)));
  }

  #call(inbound: InboundRequest, format: Format | undefined, facts: JsonFacts): Call {
    const { clock, random, timeouts, lifecycle } = this.#parts;
    const call = new Call({
      clock,
      random,
      format,
      facts,
      totalMs: facts.streamed ? timeouts.streamedTotalMs : timeouts.totalMs,
      signal: inbound.signal,
      controller: inbound.controller,
      onEnd: lifecycle.callEnded,
    });
    if (inbound.onComplete !== undefined) call.onComplete(inbound.onComplete);
    return call;
  }

  /** A body that must not be parsed is refused as a call, so that it is counted and recorded like any other. */
  #inspect(
    { body, target }: InboundRequest,
    format: Format | undefined,
  ): { readonly facts: JsonFacts; readonly objection?: unknown } {
    // Anything else might name another host when it is put behind the upstream's.
    if (!target.startsWith('/')) return { facts: NOTHING, objection: new PipelineError('invalid_request') };
    if (format === undefined || body === null) return { facts: NOTHING };
    try {
      return { facts: inspectJson(body, this.#parts.jsonLimits) };
    } catch (objection) {
      return { facts: NOTHING, objection };
    }
  }

  #formatOf({ method, target }: RefusedRequest): Format | undefined {
    const query = target.indexOf('?');
    const path = query < 0 ? target : target.slice(0, query);
    return this.#parts.formats.find((format) => format.matches(method, path));
  }

  #dialectOf(inbound: RefusedRequest, format: Format | undefined): Format {
    const { method, target, headers } = inbound;
    return errorFormatFor({ method, headers, url: this.#parts.upstream + target }, format);
  }
}
