import type { ApiRequest, Principal } from '@sluice/core';

/** Who shares answers with whom. */
export type ScopeKind = 'tenant' | 'principal' | 'shared';

/**
 * A scope: answers never pass from one to another. The first word says of what kind the rest is, so that a tenant named
 * like another's principal is still somebody else.
 */
export type Scope = readonly [
  kind: 'tenant' | 'principal' | 'member' | 'credentials' | 'shared',
  ...string[],
];

/** Headers that carry a caller's own credential. */
const CREDENTIALS = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key'];

/**
 * The scope of a call: its tenant, else its principal, else whoever holds the same credential. So an app with one key is
 * one scope, and a caller with another key, or none, gets nothing that was paid for with it.
 */
export function scopeOf(kind: ScopeKind, principal: Principal | undefined, request: ApiRequest): Scope {
  if (kind === 'shared') return ['shared'];
  if (principal === undefined)
    return ['credentials', ...CREDENTIALS.map((name) => request.headers[name] ?? '')];
  const { id, tenant } = principal;
  if (tenant === undefined) return ['principal', id];
  return kind === 'tenant' ? ['tenant', tenant] : ['member', tenant, id];
}

/** The tag by which a tenant's answers are purged; undefined where they belong to nobody by name. */
export function scopeTag([kind, name]: Scope): string | undefined {
  return kind === 'credentials' || kind === 'shared' ? undefined : tenantTag(name ?? '');
}

/** The tag of a tenant, or of a principal that has none. */
export function tenantTag(tenant: string): string {
  return `tenant:${tenant}`;
}

/** The tag of a tag that the application gave. */
export function userTag(tag: string): string {
  return `tag:${tag}`;
}
