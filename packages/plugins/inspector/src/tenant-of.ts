import { type Context, PRINCIPAL } from '@sluice/core';
import { short } from './short.ts';

/** Whose limits apply: the tenant, or a caller without one. */
export function tenantOf({ state }: Context): string | undefined {
  const principal = state.get(PRINCIPAL);
  return principal === undefined ? undefined : short(principal.tenant ?? principal.id);
}
