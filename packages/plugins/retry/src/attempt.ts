import {
  changeHeaders,
  type ApiRequest,
  classify,
  type Clock,
  type Disposition,
  holdUntilContent,
  type Next,
  peekJson,
  PipelineError,
} from '@sluice/core';

/** What one attempt came to, or the last of two that were made at once (`hedged`). */
export type Attempt = ({ readonly response: Response } | { readonly error: unknown }) & {
  readonly hedged?: boolean;
};

/** Makes one attempt. It is over when its answer has begun, or never will. */
export async function attempt(
  request: ApiRequest,
  next: Next,
  clock: Clock,
  commitHoldMs: number,
): Promise<Attempt> {
  try {
    return { response: await holdUntilContent(await next(request), { clock, commitHoldMs }) };
  } catch (error) {
    return { error };
  }
}

/** Whether an attempt brought an answer that can be handed on. */
export function succeeded(result: Attempt): result is { readonly response: Response } {
  return 'response' in result && result.response.status < 400;
}

/** What an attempt's end means. */
export async function dispositionOf(result: Attempt, clock: Clock): Promise<Disposition> {
  if ('error' in result) return classify(result.error, clock);
  // A spent budget looks like a throttle, but for its body.
  const body = result.response.status === 429 ? await peekJson(result.response) : undefined;
  return classify(result.response, clock, body);
}

/** Whether an attempt was sent and nothing is known of what became of it: it may have been worked on, and be billed. */
export function unanswered(result: Attempt): boolean {
  if (!('error' in result) || !PipelineError.is(result.error)) return false;
  const { code } = result.error;
  return code === 'connection_lost' || code === 'first_event_timeout';
}

/** The attempt's own answer or error, as if there were no retrying. */
export function handOn(result: Attempt): Response {
  if ('error' in result) throw result.error;
  return result.response;
}

/** The last real answer, intact but for the word that trying again is of no use: SDKs obey it and do not multiply the attempts. */
export function giveUp(result: Attempt): Response {
  if ('response' in result) {
    changeHeaders(result.response, { 'x-should-retry': 'false' });
    return result.response;
  }
  const { error } = result;
  if (!PipelineError.is(error) || !error.retryable) throw error;
  const { code, message, status, retryAfterMs, headers, plugin, cause } = error;
  throw new PipelineError(code, {
    message,
    status,
    retryable: false,
    cause,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(headers === undefined ? {} : { headers }),
    ...(plugin === undefined ? {} : { plugin }),
  });
}
