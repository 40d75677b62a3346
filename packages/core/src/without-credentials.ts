import type { ApiRequest } from './request.ts';

/** Headers that callers authenticate with, towards us or a provider. Lower case. */
export const CREDENTIAL_HEADERS: readonly string[] = [
  'authorization',
  'x-api-key',
  'api-key',
  'x-goog-api-key',
  'proxy-authorization',
  // A request signed for AWS: the signature holds for one host only.
  'x-amz-security-token',
  'x-amz-date',
  'x-amz-content-sha256',
];

const CREDENTIALS: ReadonlySet<string> = new Set(CREDENTIAL_HEADERS);

/** The same in a query, where no key belongs: addresses are logged. */
const CREDENTIAL_PARAMETERS = new Set(['key', 'api_key', 'api-key', 'apikey', 'x-api-key', 'access_token']);

/**
 * The request without anything that a caller authenticates with, in headers or query. The rest stays as it is, byte by
 * byte; the same object when there was nothing.
 */
export function withoutCredentials(request: ApiRequest): ApiRequest {
  const { headers, url } = request;
  const kept = withoutHeaders(headers);
  const clean = url.includes('?') ? withoutParameters(url) : url;
  if (kept === headers && clean === url) return request;
  return { ...request, headers: kept, url: clean };
}

function withoutHeaders(headers: ApiRequest['headers']): ApiRequest['headers'] {
  if (!CREDENTIAL_HEADERS.some((name) => headers[name] !== undefined)) return headers;
  const kept: Record<string, string> = {};
  for (const name of Object.keys(headers)) {
    if (!CREDENTIALS.has(name)) kept[name] = headers[name] as string;
  }
  return kept;
}

function withoutParameters(url: string): string {
  const start = url.indexOf('?');
  const parts = url.slice(start + 1).split('&');
  const kept = parts.filter((part) => !CREDENTIAL_PARAMETERS.has(parameterName(part)));
  if (kept.length === parts.length) return url;
  return kept.length === 0 ? url.slice(0, start) : `${url.slice(0, start)}?${kept.join('&')}`;
}

/** As a lenient upstream would read it: any case, percent-encoded. */
function parameterName(part: string): string {
  const equals = part.indexOf('=');
  const name = (equals < 0 ? part : part.slice(0, equals)).toLowerCase();
  if (!name.includes('%')) return name;
  try {
    return decodeURIComponent(name).toLowerCase();
  } catch {
    return name;
  }
}
