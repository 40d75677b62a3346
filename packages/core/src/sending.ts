import type { Call } from './call.ts';
import type { Step } from './chain.ts';
import { PipelineError } from './errors.ts';
import { ALLOWED_REGIONS } from './state.ts';
import { adopted } from './stream/answer.ts';
import { isResponse, kindOf } from './stream/is-response.ts';
import { LazyResponse } from './stream/lazy-response.ts';
import { upstreamFailure } from './transport/failure.ts';
import type { Transport } from './transport/transport.ts';

/**
 * The innermost step: one attempt, put on record. A transport that is not ours may fail with anything, at once or
 * later, and answer with any `Response`: no plugin shall be blamed for it.
 */
export function sending(transport: Transport): Step {
  return (request, ctx) => {
    const { endpoint } = request;
    const allowed = ctx.state.get(ALLOWED_REGIONS);
    // The last look, whatever routing is or is not in the pipeline.
    if (allowed !== undefined && (endpoint?.region === undefined || !allowed.includes(endpoint.region))) {
      return Promise.reject(new PipelineError('residency'));
    }
    const record = (ctx as Call).beginAttempt(endpoint);
    let sent: Promise<Response>;
    try {
      sent = Promise.resolve(transport.send(request, ctx));
    } catch (error) {
      sent = Promise.reject(error as Error);
    }
    return sent.then(
      (given) => {
        let response: Response;
        try {
          response = accepted(given, ctx as Call);
        } catch (error) {
          return record.failed(error);
        }
        return record.answered(response);
      },
      (error: unknown) => record.failed(PipelineError.is(error) ? error : upstreamFailure(error, false)),
    );
  };
}

function accepted(response: Response, call: Call): Response {
  if (isResponse(response)) return LazyResponse.is(response) ? response : adopted(response, call.format);
  throw new PipelineError('internal', {
    cause: new TypeError(`the transport returned ${kindOf(response)}, no Response`),
  });
}
