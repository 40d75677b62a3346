import type { Dialect } from '../../error-body.ts';
import type { Headers } from '../planned-reply.ts';

/** What a provider's response headers depend on. */
export interface HeaderFacts {
  readonly dialect: Dialect;
  readonly status: number;
  readonly requestId: string;
  /** Counts down the remaining requests of the rate limit. */
  readonly n: number;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

/**
 * The headers a provider sends with every answer, but for the content's own: ids, rate limits, and what its CDN adds,
 * which an intermediary should keep to itself (`set-cookie`, `server`, `cf-ray`, `alt-svc`, …).
 */
export function providerHeaders(facts: HeaderFacts): Headers {
  const own = facts.dialect === 'anthropic-messages' ? anthropicHeaders(facts) : openaiHeaders(facts);
  return [['date', new Date(facts.at).toUTCString()], ...own, ...cdnHeaders(facts)];
}

function anthropicHeaders({ status, requestId, n, at }: HeaderFacts): Headers {
  // What is too large is refused by the CDN, which knows no request id.
  if (status === 413) return [];
  const reset = `${new Date(at + 1000).toISOString().slice(0, 19)}Z`;
  const limits: readonly (readonly [name: string, limit: number, remaining: number])[] = [
    ['requests', 4000, Math.max(0, 4000 - n)],
    ['input-tokens', 2_000_000, status === 429 ? 0 : 2_000_000],
    ['output-tokens', 400_000, 400_000],
    ['tokens', 2_400_000, status === 429 ? 400_000 : 2_400_000],
  ];
  return [
    ['request-id', requestId],
    ['anthropic-organization-id', '00000000-fa4e-4fa4-8fa4-000000000000'],
    ...limits.flatMap(([name, limit, remaining]): Headers => [
      [`anthropic-ratelimit-${name}-limit`, String(limit)],
      [`anthropic-ratelimit-${name}-remaining`, String(remaining)],
      [`anthropic-ratelimit-${name}-reset`, reset],
    ]),
    ['content-security-policy', "default-src 'none'; frame-ancestors 'none'"],
    ['vary', 'Accept-Encoding'],
  ];
}

function openaiHeaders({ status, requestId, n }: HeaderFacts): Headers {
  return [
    ['x-request-id', requestId],
    ['openai-organization', 'fake-organization'],
    ['openai-project', 'proj_fake'],
    ['openai-processing-ms', '207'],
    ['openai-version', '2020-10-01'],
    ['x-ratelimit-limit-requests', '10000'],
    ['x-ratelimit-remaining-requests', String(Math.max(0, 10_000 - n))],
    ['x-ratelimit-reset-requests', '8.64s'],
    ['x-ratelimit-limit-tokens', '200000'],
    ['x-ratelimit-remaining-tokens', status === 429 ? '0' : '199961'],
    ['x-ratelimit-reset-tokens', status === 429 ? '6m0s' : '11ms'],
    ['access-control-expose-headers', 'X-Request-ID'],
    ['x-content-type-options', 'nosniff'],
  ];
}

function cdnHeaders({ n }: HeaderFacts): Headers {
  return [
    ['set-cookie', `__cf_bm=fake.${n}; path=/; HttpOnly; Secure; SameSite=None`],
    ['set-cookie', `_cfuvid=fake.${n}; path=/; HttpOnly; Secure; SameSite=None`],
    ['server', 'cloudflare'],
    ['cf-cache-status', 'DYNAMIC'],
    ['cf-ray', `${n.toString(16).padStart(16, '0')}-FRA`],
    ['strict-transport-security', 'max-age=31536000; includeSubDomains; preload'],
    ['x-robots-tag', 'none'],
    ['via', '1.1 google'],
    ['alt-svc', 'h3=":443"; ma=86400'],
  ];
}
