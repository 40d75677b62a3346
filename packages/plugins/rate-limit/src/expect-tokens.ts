import type { ApiRequest, Context } from '@sluice/core';
import type { Expected } from './compiled-rule.ts';
import { tokensOfBody } from './heuristic.ts';
import type { Learned } from './learned.ts';
import type { TokenEstimate } from './options.ts';
import type { UnitPrice } from './prices.ts';

/** Nothing to count but the call itself. */
export const UNCOUNTED: Expected = { input: 0, usual: 0, most: 0, exact: true, price: undefined };

/** Output that a request which names no bound may have, for rules that reserve the most. */
const UNBOUNDED_OUTPUT = 4_096;

/** What the heuristic says, and what was learned about it. */
export function guess(
  request: ApiRequest,
  ctx: Context,
  learned: Learned,
): { readonly estimate: TokenEstimate; readonly guessed: number } {
  const guessed = tokensOfBody(request.body);
  return { estimate: { inputTokens: learned.input(ctx.model, guessed) }, guessed };
}

/** What a call will probably use. */
export function expect(
  { inputTokens, outputTokens }: TokenEstimate,
  ctx: Context,
  learned: Learned,
  { exact, price }: { readonly exact: boolean; readonly price: UnitPrice | undefined },
): Expected {
  const usual = outputTokens ?? learned.output(ctx.model);
  const bound = ctx.maxOutputTokens ?? Infinity;
  return {
    input: count(inputTokens),
    usual: Math.min(count(usual), bound),
    most: ctx.maxOutputTokens ?? Math.max(count(usual), UNBOUNDED_OUTPUT),
    exact,
    price,
  };
}

/** An estimator of the user's may say anything. */
function count(tokens: number): number {
  return Number.isFinite(tokens) && tokens > 0 ? Math.ceil(tokens) : 0;
}
