import type { Context } from '@sluice/core';
import type { Applied } from './compiled-rule.ts';
import type { ClaimState } from './store.ts';

/** Headers that tell a caller where it stands: the IETF's, or those that its provider sends. */
export type HeaderStyle = 'ietf' | 'provider';

/** A rule's state, for the headers. */
export interface Told {
  /** The rule, and whose counter it is. */
  readonly applied: Applied;
  /** What the store said of it. */
  readonly state: ClaimState;
}

/** Times beyond an hour tell more about us than a caller needs, and clients wait for them. */
const MAX_SECONDS = 31 * 86_400;

/** Headers about the most constrained of the rules. `wallTime` is for styles that tell times of day. */
export function limitHeaders(
  styles: readonly HeaderStyle[],
  told: readonly Told[],
  ctx: Context,
  wallTime: number,
): Record<string, string> {
  const headers: Record<string, string> = {};
  const visible = told.filter(({ applied }) => applied.rule.enforced);
  for (const style of styles) {
    if (style === 'ietf') ietf(headers, mostConstrained(visible));
    else if (ctx.format?.name === 'anthropic-messages') anthropic(headers, visible, wallTime);
    else openai(headers, visible);
  }
  return headers;
}

/** A header by which a provider tells of its own limits. */
export function isUpstreamLimit(name: string): boolean {
  return name.startsWith('anthropic-ratelimit-') || name.startsWith('x-ratelimit-') || name === 'ratelimit';
}

/** The refused one, else the one of which least is left. */
function mostConstrained(told: readonly Told[]): Told | undefined {
  const left = ({ applied, state }: Told): number =>
    state.ok
      ? Math.max(0, state.remaining) / applied.rule.limit
      : state.retryAfterMs > 0
        ? -state.retryAfterMs
        : -1;
  let least: Told | undefined;
  for (const one of told) if (least === undefined || left(one) < left(least)) least = one;
  return least;
}

/** draft-ietf-httpapi-ratelimit-headers: lists of one item each. */
function ietf(headers: Record<string, string>, told: Told | undefined): void {
  if (told === undefined) return;
  const { name, of, limit, windowS } = told.applied.rule;
  const window = windowS === 0 ? '' : `;w=${Math.max(1, Math.round(windowS))}`;
  headers['ratelimit-policy'] = `"${name}";q=${limit}${IETF_UNITS[of]}${window}`;
  headers['ratelimit'] = `"${name}";r=${remaining(told)};t=${seconds(told)}`;
}

/** The draft knows no tokens and no money: parameters of our own. */
const IETF_UNITS = {
  requests: '',
  'concurrent-calls': ';qu="concurrent-requests"',
  'input-tokens': ';sluice-unit="input-tokens"',
  'output-tokens': ';sluice-unit="output-tokens"',
  tokens: ';sluice-unit="tokens"',
  cost: ';sluice-unit="micro-currency"',
} as const;

function anthropic(headers: Record<string, string>, told: readonly Told[], wallTime: number): void {
  for (const kind of ['requests', 'input-tokens', 'output-tokens', 'tokens'] as const) {
    const one = mostConstrained(told.filter(({ applied }) => applied.rule.of === kind));
    if (one === undefined) continue;
    const reset = new Date(wallTime + seconds(one) * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
    headers[`anthropic-ratelimit-${kind}-limit`] = String(one.applied.rule.limit);
    headers[`anthropic-ratelimit-${kind}-remaining`] = String(remaining(one));
    headers[`anthropic-ratelimit-${kind}-reset`] = reset;
  }
}

function openai(headers: Record<string, string>, told: readonly Told[]): void {
  for (const kind of ['requests', 'tokens'] as const) {
    const one = mostConstrained(
      told.filter(({ applied: { rule } }) =>
        kind === 'requests' ? rule.of === 'requests' : rule.of.endsWith('tokens'),
      ),
    );
    if (one === undefined) continue;
    headers[`x-ratelimit-limit-${kind}`] = String(one.applied.rule.limit);
    headers[`x-ratelimit-remaining-${kind}`] = String(remaining(one));
    headers[`x-ratelimit-reset-${kind}`] = duration(seconds(one));
  }
}

function remaining({ state }: Told): number {
  return Math.max(0, state.remaining);
}

/** Until there is more: never earlier than `retry-after`. */
function seconds({ state }: Told): number {
  return Math.min(MAX_SECONDS, Math.ceil((state.ok ? state.resetMs : state.retryAfterMs) / 1000));
}

/** OpenAI's way to say it: `6m0s`. */
function duration(total: number): string {
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor(total / 60) % 60;
  const seconds = `${total % 60}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}
