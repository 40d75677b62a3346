import { createHmac, hash } from 'node:crypto';
import type { ApiRequest, Context } from '@sluice/core';
import type { Canonical } from './canonical.ts';
import type { CacheRules } from './rules.ts';
import type { Scope } from './scope.ts';

/** Changes whenever the canonical form does: what an older release has stored is then never found. */
const VERSION = '1';

/** Everything that decides an answer. Two calls get the same key exactly if all of it is equal. */
export interface KeyInputs {
  /** Whose answer it is. */
  readonly scope: Scope;
  /** Name of the wire dialect. */
  readonly format: string;
  /** Upstream, path and query. */
  readonly url: string;
  /** The model asked for. */
  readonly model: string | undefined;
  /** Whether an event stream is asked for: one never gets the other's bytes. */
  readonly streamed: boolean;
  /** Headers that decide the answer, lists of them as sorted sets. */
  readonly headers: readonly string[];
  /** Regions that may have seen the request. */
  readonly regions: readonly string[] | undefined;
  /** Made by {@link bodyDigest}. */
  readonly body: string;
}

/** SHA-256, or HMAC with the server's secret, of the inputs. */
export function cacheKey(inputs: KeyInputs, secret: string | Uint8Array | undefined): string {
  const { scope, format, url, model, streamed, headers, regions, body } = inputs;
  // As JSON, because in UTF-8 alone all lone surrogates are alike.
  const around = [scope, format, url, model ?? null, streamed, headers, regions?.toSorted() ?? null];
  const text = prefixed(VERSION, JSON.stringify(around), body);
  return secret === undefined
    ? hash('sha256', text, 'base64url')
    : createHmac('sha256', secret).update(text).digest('base64url');
}

/** SHA-256 of what a body says. Where its canonical form has lost something, its bytes count too. */
export function bodyDigest({ text, exact }: Canonical, raw: Uint8Array): string {
  return hash('sha256', prefixed(exact ? '' : hash('sha256', raw), text), 'base64url');
}

/** Each part preceded by its length, so that none can reach into the next. */
function prefixed(...parts: readonly string[]): string {
  let text = '';
  for (const part of parts) text += `${part.length}:${part}`;
  return text;
}

/** The inputs of a request whose body has been digested. */
export function keyInputs(
  request: ApiRequest,
  { format, model, streamed }: Pick<Context, 'format' | 'model' | 'streamed'>,
  rules: CacheRules,
  scope: Scope,
  regions: readonly string[] | undefined,
  body: string,
): KeyInputs {
  return {
    scope,
    format: format?.name ?? '',
    url: withoutBeta(request.url),
    model,
    streamed,
    headers: rules.headers.map((name) => asSet(request.headers[name])),
    regions,
    body,
  };
}

/** Some clients say `?beta=true`, and others mean the same without it. */
function withoutBeta(url: string): string {
  const query = url.indexOf('?');
  if (query < 0) return url;
  const kept = url
    .slice(query + 1)
    .split('&')
    .filter((field) => field !== 'beta=true' && field !== '');
  return kept.length === 0 ? url.slice(0, query) : `${url.slice(0, query)}?${kept.join('&')}`;
}

function asSet(value: string | undefined): string {
  if (value === undefined || !value.includes(',')) return value?.trim() ?? '';
  const set = new Set(value.split(',').map((one) => one.trim()));
  set.delete('');
  return [...set].toSorted().join(',');
}
