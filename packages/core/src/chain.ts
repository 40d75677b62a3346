import type { Context } from './context.ts';
import { reportSwallowed } from './diagnostics.ts';
import { PipelineError } from './errors.ts';
import type { FailurePolicy, Middleware, Next } from './plugin.ts';
import type { ApiRequest } from './request.ts';
import { adopted } from './stream/answer.ts';
import { isResponse, kindOf } from './stream/is-response.ts';
import { LazyResponse } from './stream/lazy-response.ts';
import { discard } from './stream/peek.ts';

/** One compiled step: the plugin and everything inside it. */
export type Step = (request: ApiRequest, ctx: Context) => Promise<Response>;

/** What the chain knows of a plugin. */
export interface Link {
  readonly name: string;
  readonly onError: FailurePolicy;
  readonly handle: Middleware;
}

/**
 * Compiles plugins into one function, once per pipeline. Unlike koa-compose's, `next` may be called again: retry,
 * failover and hedging are written with it.
 */
export function compile(links: readonly Link[], innermost: Step): Step {
  return links.reduceRight<Step>((inner, link) => step(link, inner), innermost);
}

function step(link: Link, inner: Step): Step {
  return link.onError === 'open' ? openStep(link, inner) : closedStep(link, inner);
}

function closedStep({ name, handle }: Link, inner: Step): Step {
  return async (request, ctx) => {
    let answer: Promise<Response> | undefined;
    const next: Next = (changed) => (answer = ask(inner, changed, ctx));
    try {
      return returned(await handle(request, next, ctx), ctx);
    } catch (error) {
      giveUp(answer, request);
      if (PipelineError.is(error)) throw error;
      const aborted = abortOf(request);
      // The caller is told no more than "an internal part failed".
      if (aborted === undefined) reportSwallowed(`plugin "${name}" failed, and the call with it`, error);
      throw aborted ?? failed(name, error);
    }
  };
}

/**
 * A plugin whose failure must not fail the call. What the inside threw is not the plugin's failure and passes; a
 * failure of its own hands out what the inside had answered, or asks it if it was not asked yet.
 */
function openStep({ name, handle }: Link, inner: Step): Step {
  return async (request, ctx) => {
    let answer: Promise<Response> | undefined;
    const next: Next = (changed) => (answer = ask(inner, changed, ctx));
    try {
      return returned(await handle(request, next, ctx), ctx);
    } catch (error) {
      if (PipelineError.is(error)) {
        giveUp(answer, request);
        throw error;
      }
      const aborted = abortOf(request);
      if (aborted === undefined) reportSwallowed(`plugin "${name}" failed and was passed over`, error);
      const response = await (answer ?? inner(request, ctx));
      // Asking again would pay for a second answer.
      if (response.bodyUsed) throw aborted ?? failed(name, error);
      return response;
    }
  };
}

function ask(inner: Step, request: ApiRequest, ctx: Context): Promise<Response> {
  // Koa's and Express's habit.
  if (typeof request !== 'object')
    throw new TypeError('next was called without a request; call next(request)');
  const answer = inner(request, ctx);
  // A plugin may fail before it comes to await this; the process must not end over it.
  answer.catch(ignore);
  return answer;
}

/**
 * An answer that the plugin got and will not hand on would occupy its connection for ever. After an abort the signal
 * sees to that, and a plugin may have good reason to read on: other calls that wait for the same answer.
 */
function giveUp(answer: Promise<Response> | undefined, { signal }: ApiRequest): void {
  if (!signal.aborted) answer?.then(discard).catch(ignore);
}

/** What a plugin returned, if it can be handed on. */
function returned(response: Response, ctx: Context): Response {
  if (!isResponse(response)) {
    throw new TypeError(
      `it returned ${kindOf(response)}; return what next(request) resolves to, or a Response`,
    );
  }
  const lazy = LazyResponse.is(response);
  if (response.bodyUsed || (!lazy && response.body?.locked === true)) {
    throw new TypeError(
      'it returned a response whose body it has read; use observeStream or peekJson, or return a new Response with what was read',
    );
  }
  if (lazy) return response;
  try {
    return adopted(response, ctx.format);
  } catch (error) {
    const type = response.headers.get('content-type');
    throw new TypeError(
      `it answered status ${response.status} with content-type ${type}, which is no answer in ${ctx.format?.name}`,
      {
        cause: error,
      },
    );
  }
}

function failed(plugin: string, cause: unknown): PipelineError {
  return new PipelineError('plugin_failed', { plugin, cause });
}

/** Why the call was aborted, if it was: a wait that then breaks off is no failure of the plugin that waited. */
function abortOf({ signal }: ApiRequest): PipelineError | undefined {
  return signal.aborted && PipelineError.is(signal.reason) ? signal.reason : undefined;
}

function ignore(): void {
  // Told to whoever asked for it, if anybody still does.
}
