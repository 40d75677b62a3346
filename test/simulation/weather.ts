import {
  type ApiRequest,
  type Clock,
  type Context,
  PipelineError,
  type Random,
  type Transport,
} from '@sluice/core';
import {
  type AnswerPiece,
  anthropicMessage,
  anthropicStream,
  errorBody,
  streamAnswer,
} from '@sluice/core/testing';

/** How a region fares at a moment: well, or not. */
export type Weather =
  | { readonly kind: 'well' }
  /** Everything takes so many times longer. */
  | { readonly kind: 'slow'; readonly factor: number }
  /** This share of requests gets this status (default 500), the others an answer. */
  | {
      readonly kind: 'flapping';
      readonly share: number;
      readonly status?: number;
      /** In seconds. Default: none. */
      readonly retryAfter?: number;
    }
  /** This share of answers is cut after some of the content. */
  | { readonly kind: 'cutting'; readonly share: number }
  /** Takes requests and answers nothing, until the transport's clock for the first event has run out. */
  | { readonly kind: 'silent' }
  /** Connections are refused. */
  | { readonly kind: 'down' };

/** A regional upstream in virtual time. Its URL is `https://{id}.test`. */
export interface SimulatedRegion {
  readonly id: string;
  /** Its weather at a time since the start. Default: always well. */
  readonly weather?: (atMs: number) => Weather;
  /** From the request to the first content. Default: 500, give or take a fifth. */
  readonly firstContentMs?: number;
  /** From there to the end of the answer. Default: 2 000, give or take a fifth. */
  readonly restMs?: number;
}

/** What a {@link regionalTransport} is made with. */
export interface RegionalTransportOptions {
  readonly regions: readonly SimulatedRegion[];
  readonly clock: Clock;
  readonly random: Random;
  /** Called for every request, when it is sent. */
  readonly sent: (region: string, request: ApiRequest) => void;
}

/** What a region answers in full. */
export const ANSWER = 'One two three';

/** Built once: thousands of simulations would spend their time on it. */
const MESSAGE = anthropicMessage({ text: ANSWER });
const EVENTS = anthropicStream({ text: ANSWER });
const [PREAMBLE, CONTENT, END] = [EVENTS.slice(0, 1), EVENTS.slice(1, 4), EVENTS.slice(4)].map((events) =>
  events.join(''),
) as [string, string, string];

const WELL: Weather = { kind: 'well' };
const JSON_TYPE = { 'content-type': 'application/json' };
/** How long an error takes. */
const ERROR_MS = 30;
/** The transport's own clock for a first event, which is not there when nothing is sent for real. */
const FIRST_EVENT_MS = 60_000;

/** Sends to simulated regions, by the host in the URL. */
export function regionalTransport(options: RegionalTransportOptions): Transport {
  const { regions, clock, random, sent } = options;
  const byHost = new Map(regions.map((region) => [`${region.id}.test`, region]));
  return {
    async send(request, ctx) {
      const region = byHost.get(new URL(request.url).hostname);
      if (region === undefined) throw new Error(`there is no region at ${request.url}`);
      sent(region.id, request);
      return answerOf(region, request, ctx, clock, random);
    },
  };
}

async function answerOf(
  region: SimulatedRegion,
  request: ApiRequest,
  ctx: Context,
  clock: Clock,
  random: Random,
): Promise<Response> {
  const { signal } = request;
  const weather = region.weather?.(clock.now()) ?? WELL;
  const vary = (ms: number): number => ms * (0.8 + 0.4 * random.next());
  if (weather.kind === 'down') {
    await wait(clock, 1, signal);
    throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  }
  if (weather.kind === 'silent') {
    await wait(clock, FIRST_EVENT_MS, signal);
    throw new PipelineError('first_event_timeout');
  }
  if (weather.kind === 'flapping' && random.next() < weather.share) {
    await wait(clock, ERROR_MS, signal);
    const { status = 500, retryAfter } = weather;
    const headers = { ...JSON_TYPE, ...(retryAfter === undefined ? {} : { 'retry-after': `${retryAfter}` }) };
    return new Response(errorBody('anthropic-messages', status), { status, headers });
  }
  const cut = weather.kind === 'cutting' && random.next() < weather.share;
  const factor = weather.kind === 'slow' ? weather.factor : 1;
  const firstMs = vary(region.firstContentMs ?? 500) * factor;
  const restMs = vary(region.restMs ?? 2_000) * factor;
  const later = async <T>(ms: number, piece: T): Promise<T> => {
    // Where nobody reads any more, nobody asks how it ended either.
    await wait(clock, ms, signal).catch(() => undefined);
    return piece;
  };
  const ending = (whole: string): string | Error =>
    cut ? Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }) : whole;
  if (!ctx.streamed) {
    await wait(clock, firstMs + restMs, signal);
    return streamAnswer([MESSAGE.slice(0, 20), ending(MESSAGE.slice(20))], { headers: JSON_TYPE })(
      request,
      ctx,
    );
  }
  function* pieces(): Generator<AnswerPiece> {
    yield PREAMBLE;
    yield later(firstMs, CONTENT);
    yield later(restMs, ending(END));
  }
  return streamAnswer(pieces())(request, ctx);
}

/** Rejects with the reason when the request is aborted. */
function wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clock.clearTimeout(timer);
      // The reason is whatever the caller has made it.
      reject(signal.reason);
    };
    const timer = clock.setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
