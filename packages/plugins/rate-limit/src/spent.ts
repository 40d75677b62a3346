import { type Attempt, PipelineError, type Usage } from '@sluice/core';
import type { Expected } from './compiled-rule.ts';
import { UNCOUNTED } from './expect-tokens.ts';
import type { Tokens } from './prices.ts';

/** What calls turned out to use. */
export interface Spent {
  /** Tokens of all attempts together. */
  readonly tokens: Tokens;
  /** Whether anything was sent that an upstream may have counted. */
  readonly sent: boolean;
  /** Usage of the one attempt, if it was whole and told it: what there is to learn from. */
  readonly whole: Usage | undefined;
}

const NOTHING: Tokens = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };

/** Failures before there was a connection to send anything over. */
const NEVER_SENT: ReadonlySet<string> = new Set(['connect_failed', 'connect_timeout', 'tls_failed']);

/**
 * Adds up what attempts used. Where the upstream told its count, that is it. Where it was lost, the estimate stays: what
 * is not known is not given back. A stream that was cut counts for what had come of it, at least.
 *
 * @param answered Whether the last attempt was answered to its proper end.
 * @param streamed Tokens of output that have come in the last attempt, by its content events.
 */
export function spentBy(
  attempts: readonly Attempt[],
  expected: Expected,
  { answered, streamed }: { readonly answered: boolean; readonly streamed: number },
): Spent {
  let tokens = NOTHING;
  let sent = false;
  let whole: Usage | undefined;
  attempts.forEach((attempt, i) => {
    if (neverSent(attempt)) return;
    sent = true;
    const { status, error, durationMs } = attempt;
    // An error answer is not billed. And where nothing asks for tokens, usage is not read: of a whole answer it is
    // parsed for whoever reads it, at several times the cost of everything else here.
    if (expected === UNCOUNTED || (status !== undefined && status > 399)) return;
    const { usage } = attempt;
    const last = i === attempts.length - 1;
    const ended = error === undefined && durationMs !== undefined && (answered || !last);
    if (ended) whole = usage;
    tokens = sum(tokens, known(usage, expected, last && !(ended && usage !== undefined) ? streamed : 0));
  });
  return { tokens, sent, whole: attempts.length === 1 ? whole : undefined };
}

function neverSent({ status, error }: Attempt): boolean {
  return status === undefined && PipelineError.is(error) && NEVER_SENT.has(error.code);
}

function known(usage: Usage | undefined, expected: Expected, streamed: number): Tokens {
  // Not a word of usage: neither what went in nor what came out can be told.
  if (usage === undefined)
    return { ...NOTHING, input: expected.input, output: Math.max(expected.usual, streamed) };
  return {
    input: usage.inputTokens ?? expected.input,
    output: Math.max(usage.outputTokens ?? 0, streamed),
    cacheRead: usage.cacheReadTokens ?? 0,
    cacheWrite: usage.cacheWriteTokens ?? 0,
  };
}

function sum(one: Tokens, other: Tokens): Tokens {
  return {
    input: one.input + other.input,
    output: one.output + other.output,
    cacheRead: one.cacheRead + other.cacheRead,
    cacheWrite: one.cacheWrite + other.cacheWrite,
  };
}
