import { type Context, PipelineError } from '@sluice/core';
import { type HeaderStyle, limitHeaders, type Told } from './headers.ts';

/**
 * Beyond this, an SDK is told not to come back by itself: one sleeps for as long as it is told (up to 24 days), others
 * take a longer time for none and try again at once.
 */
const LONGEST_RETRY_MS = 60_000;

/** What a refusal is made of, beside the rules. */
interface RefusalParts {
  readonly styles: readonly HeaderStyle[];
  readonly plugin: string;
  readonly ctx: Context;
  readonly wallTime: number;
  /** Whether the decision was made without the store. */
  readonly out: boolean;
}

/** The refusal of a call, in words for its caller. */
export function refusal(
  told: readonly Told[],
  { styles, plugin, ctx, wallTime, out }: RefusalParts,
): PipelineError {
  const refused = told.filter(({ applied, state }) => !state.ok && applied.rule.enforced);
  const [first, ...others] = refused;
  // A call that waited in line and was never asked for.
  if (first === undefined) return new PipelineError('rate_limited', { retryAfterMs: 1_000, plugin });
  // Whoever comes back earlier is refused again.
  let longest = first;
  for (const one of others) if (one.state.retryAfterMs > longest.state.retryAfterMs) longest = one;
  const { retryAfterMs } = longest.state;
  const { rule } = longest.applied;
  const headers = limitHeaders(styles, told, ctx, wallTime);
  if (out) headers['x-sluice-limits'] = 'without-store';
  if (rule.calendar !== undefined) {
    const resetsAt = new Date(wallTime + retryAfterMs).toISOString().replace(/\.\d+Z$/, 'Z');
    const message = `The quota "${rule.name}" is used up; it will reset at ${resetsAt}.`;
    return new PipelineError('quota_exceeded', { message, retryAfterMs, headers, plugin });
  }
  const message = `The limit "${rule.name}" is reached. Try again later.`;
  const retryable = retryAfterMs <= LONGEST_RETRY_MS;
  return new PipelineError('rate_limited', { message, retryAfterMs, retryable, headers, plugin });
}

/** A request that will never fit. */
export function tooLarge(rule: string, plugin: string): PipelineError {
  const message = `The request is larger than the limit "${rule}" ever allows at once.`;
  return new PipelineError('invalid_request', { message, plugin });
}

/** A request for a model that nobody has put a price on. */
export function unpriced(plugin: string): PipelineError {
  return new PipelineError('invalid_request', {
    message: 'The model is not available here: it has no price.',
    plugin,
  });
}

/** Nobody can say whether the call is allowed. */
export function cannotTell(plugin: string, cause: unknown): PipelineError {
  const message = 'The quota cannot be checked now. Try again later.';
  return new PipelineError('overloaded', { message, retryAfterMs: 1_000, plugin, cause });
}
