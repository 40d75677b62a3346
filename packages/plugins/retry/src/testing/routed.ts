import { ALTERNATIVES, definePlugin, type Outcome, type Plugin, PipelineError } from '@sluice/core';
import { type ScriptedAnswer, testPipeline, type TestPipeline } from '@sluice/core/testing';
import { retry, type RetryOptions } from '../index.ts';

/** What each endpoint answers, in order; the last answer is given again and again. */
export type Endpoints = Readonly<Record<string, readonly ScriptedAnswer[]>>;

/** How the routing of a test behaves. */
export interface RoutedOptions {
  /** Endpoints that routing counts as alternatives, and that are gone when it comes to them. Default: none. */
  readonly gone?: readonly string[];
  /** Plugins outside retry. Default: none. */
  readonly outside?: readonly Plugin[];
}

/**
 * The least that routing does: the first endpoint that the call was not sent to, else the first at all; none of those
 * that the request rules out. It keeps no cool-down, so that it is for retry to ask nobody too early.
 */
function routing(ids: readonly string[], { gone = [] }: RoutedOptions): Plugin {
  return definePlugin({
    name: 'region-routing',
    create: () => ({
      handle(request, next, ctx) {
        const tried = ctx.history.map(({ endpoint }) => endpoint?.id);
        const allowed = ids.filter((id) => request.otherThan?.includes(id) !== true && !gone.includes(id));
        const id = allowed.find((one) => !tried.includes(one)) ?? allowed[0];
        if (id === undefined) throw new PipelineError('no_endpoint', { plugin: 'region-routing' });
        ctx.state.set(ALTERNATIVES, ids.filter((one) => one !== id && !tried.includes(one)).length);
        return next({ ...request, endpoint: { id } });
      },
    }),
  })();
}

/** A pipeline with retry and routing, and what was asked of whom and when. */
export interface Routed extends TestPipeline {
  /** Endpoints in the order in which they were asked, and the time of it. */
  readonly asked: { readonly id: string; readonly at: number }[];
  readonly outcomes: Outcome[];
}

/** Makes a {@link Routed} pipeline. */
export function routed(endpoints: Endpoints, options: RetryOptions = {}, others: RoutedOptions = {}): Routed {
  const asked: Routed['asked'] = [];
  const turns = new Map<string, number>();
  const answer: Extract<ScriptedAnswer, (...args: never) => unknown> = (request, ctx) => {
    const id = request.endpoint?.id ?? '';
    const turn = turns.get(id) ?? 0;
    turns.set(id, turn + 1);
    asked.push({ id, at: pipe.clock.now() });
    const answers = endpoints[id] ?? [];
    const given = answers[Math.min(turn, answers.length - 1)] as ScriptedAnswer;
    if (typeof given === 'function') return given(request, ctx);
    return given instanceof Response ? given.clone() : given;
  };
  const pipe = testPipeline({
    answers: Array.from({ length: 2_000 }, () => answer),
    plugins: [...(others.outside ?? []), retry(options), routing(Object.keys(endpoints), others)],
  });
  return {
    ...pipe,
    outcomes: pipe.outcomes as Outcome[],
    asked,
    [Symbol.asyncDispose]: () => pipe[Symbol.asyncDispose](),
  };
}
