import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PipelineError } from '../errors.ts';
import type { Outcome } from '../outcome.ts';
import { definePlugin, type FailurePolicy, type Middleware, type Plugin } from '../plugin.ts';
import type { ApiRequest } from '../request.ts';
import type { ScriptedAnswer } from './scripted-transport.ts';
import { testPipeline } from './test-pipeline.ts';

/** A plugin that is nothing but its middleware. */
export function middlewarePlugin(
  name: string,
  handle: Middleware,
  onError: FailurePolicy = 'closed',
): Plugin {
  return definePlugin({ name, onError, create: () => ({ handle }) })();
}

/** What happened to one call. */
export interface MadeCall {
  readonly status: number;
  readonly text: string;
  readonly outcome: Outcome | undefined;
  readonly outcomes: readonly Outcome[];
  readonly sent: readonly ApiRequest[];
  readonly headers: Headers;
}

/** Makes one call through these plugins, against these answers. */
export async function callWith(
  plugins: readonly Plugin[],
  ...answers: readonly ScriptedAnswer[]
): Promise<MadeCall> {
  await using test = testPipeline({ plugins, answers });
  const response = await test.post();
  const text = await response.text();
  await nextTurn();
  const { outcomes, transport } = test;
  const { status, headers } = response;
  return { status, text, outcome: outcomes[0], outcomes, sent: transport.requests, headers };
}

/** What a plugin's failure was, behind the error that it became. */
export function causeOf(call: MadeCall): string {
  const error = call.outcome?.cause as PipelineError;
  return (error.cause as Error).message;
}
