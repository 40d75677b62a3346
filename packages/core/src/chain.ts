import type { Context } from './context.ts';
import { PipelineError } from './errors.ts';
import { reportSwallowed } from './diagnostics.ts';
import type { FailurePolicy, Middleware, Next } from './plugin.ts';
import type { ApiRequest } from './request.ts';

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
    try {
      return await handle(request, (changed) => inner(changed, ctx), ctx);
    } catch (error) {
      throw PipelineError.is(error) ? error : new PipelineError('plugin_failed', { plugin: name, cause: error });
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
    const next: Next = (changed) => (answer = inner(changed, ctx));
    try {
      return await handle(request, next, ctx);
    } catch (error) {
      if (PipelineError.is(error)) throw error;
      reportSwallowed(`plugin "${name}" failed and was passed over`, error);
      const response = await (answer ?? inner(request, ctx));
      // Asking again would pay for a second answer.
      if (response.bodyUsed) throw new PipelineError('plugin_failed', { plugin: name, cause: error });
      return response;
    }
  };
}
