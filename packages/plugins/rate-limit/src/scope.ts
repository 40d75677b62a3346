import { type ApiRequest, type Context, PRINCIPAL, type Principal } from '@sluice/core';
import { hash } from 'node:crypto';
import type { LimitRule, Scope, ScopeFunction } from './rule.ts';

/** Longer names are replaced by their digest: a key must not be as long as a stranger likes. */
const MAX_LENGTH = 64;
/** Anything else might be read as a part of the key, or of a cluster's hash tag. */
const PLAIN = /^[\w.@-]+$/;

/** Who shares a counter with a call, as it stands in a key; undefined: the rule does not apply. */
export type ScopeKey = (request: ApiRequest, ctx: Context) => string | undefined;

/** The tenant of a call, else the caller; callers without a name are one. */
export function tenantOf(ctx: Context): string {
  const principal = ctx.state.get(PRINCIPAL);
  return keyPart(principal?.tenant ?? principal?.id ?? '');
}

/** Compiles a rule's `by`. */
export function scopeKey(by: LimitRule['by'] = 'tenant'): ScopeKey {
  if (typeof by === 'function') return fromFunction(by);
  const scopes = typeof by === 'string' ? [by] : [...by];
  const [first] = scopes;
  if (first !== undefined && scopes.length === 1) return PARTS[first];
  return (request, ctx) => scopes.map((scope) => PARTS[scope](request, ctx)).join(',');
}

const GLOBAL = '*';

const PARTS: Readonly<Record<Scope, (request: ApiRequest, ctx: Context) => string>> = {
  tenant: (_request, ctx) => tenantOf(ctx),
  app: (_request, ctx) => keyPart(appOf(ctx.state.get(PRINCIPAL))),
  model: (_request, ctx) => keyPart(ctx.model ?? ''),
  endpoint: (request) => keyPart(request.endpoint?.id ?? ''),
  global: () => GLOBAL,
};

function appOf(principal: Principal | undefined): string {
  return principal?.labels?.['app'] ?? principal?.id ?? '';
}

function fromFunction(by: ScopeFunction): ScopeKey {
  return (request, ctx) => {
    const name = by(request, ctx);
    return name === undefined ? undefined : digestPart(String(name));
  };
}

/** A scope as it stands in a key, from names that are known without a call. */
export function scopeOf(
  by: LimitRule['by'] = 'tenant',
  names: Readonly<Partial<Record<Scope, string>>>,
): string {
  const scopes = typeof by === 'string' ? [by] : Array.isArray(by) ? (by as readonly Scope[]) : [];
  return scopes.map((scope) => (scope === 'global' ? GLOBAL : keyPart(names[scope] ?? ''))).join(',');
}

/** A name as it may stand in a key. Different names stay different. */
export function keyPart(name: string): string {
  return name.length <= MAX_LENGTH && PLAIN.test(name) ? name : digestPart(name);
}

/** A name that must not be read in a key: what a function makes of a request may be a credential. */
export function digestPart(name: string): string {
  return name === '' ? '-' : `#${hash('sha256', name, 'base64url').slice(0, 22)}`;
}
