import type { Context } from '../context.ts';
import { PipelineError } from '../errors.ts';
import type { ApiRequest } from '../request.ts';
import { discard } from '../stream/peek.ts';
import { upstreamFailure } from '../transport/failure.ts';
import type { Transport } from '../transport/transport.ts';

/** An answer of a {@link scriptedTransport}: a response, a failure, or a function that makes one for the request. */
export type ScriptedAnswer =
  | Response
  | Error
  | ((request: ApiRequest, ctx: Context) => Response | Error | Promise<Response | Error>);

/** A transport that sends nothing and answers by its script. */
export interface ScriptedTransport extends Transport {
  /** What it was asked to send, in order. */
  readonly requests: readonly ApiRequest[];
  /** Whether the pipeline has closed it. */
  readonly closed: boolean;
}

/**
 * Makes a transport that gives one answer per request, in order, for tests without a socket:
 * `services: [provide(TRANSPORT, () => transport)]`. A request beyond the script is an error that says so. An `Error`
 * that is no `PipelineError` is taken for what the connection said (`code: 'ECONNRESET'`, for instance).
 */
export function scriptedTransport(...answers: readonly ScriptedAnswer[]): ScriptedTransport {
  const requests: ApiRequest[] = [];
  let closed = false;
  return {
    requests,
    get closed() {
      return closed;
    },
    async send(request, ctx) {
      requests.push(request);
      const answer = answers[requests.length - 1];
      if (answer === undefined) {
        throw new PipelineError('internal', {
          message: `scriptedTransport has ${answers.length} answers, and this is request ${requests.length}: ${request.method} ${request.url}`,
        });
      }
      const given = typeof answer === 'function' ? await unlessAborted(answer, request, ctx) : answer;
      if (request.signal.aborted) throw abortReason(request.signal);
      if (given instanceof Error) throw upstreamFailure(given, false);
      return given;
    },
    async close() {
      closed = true;
    },
  };
}

/** An upstream that never answers must not outlive the call. */
async function unlessAborted(
  answer: Extract<ScriptedAnswer, (...args: never) => unknown>,
  request: ApiRequest,
  ctx: Context,
): Promise<Response | Error> {
  const { signal } = request;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => {
    reject(abortReason(signal));
  };
  if (signal.aborted) throw abortReason(signal);
  signal.addEventListener('abort', onAbort);
  const pending = Promise.resolve(answer(request, ctx));
  try {
    return await Promise.race([pending, aborted]);
  } catch (error) {
    if (signal.aborted)
      pending.then((late) => (late instanceof Error ? undefined : discard(late))).catch(() => undefined);
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function abortReason(signal: AbortSignal): PipelineError {
  const reason: unknown = signal.reason;
  return PipelineError.is(reason) ? reason : new PipelineError('client_abort', { cause: reason });
}
