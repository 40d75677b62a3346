import { ALLOWED_REGIONS, type ApiRequest, type Context } from '@sluice/core';
import type { RegionRule } from './options.ts';

/**
 * The regions that a call may be sent to; undefined: all. What the option says is put into the call's state, narrowed
 * down and never widened, so that core's own check before each send holds for it too.
 */
export function allowedFor(
  request: ApiRequest,
  ctx: Context,
  rule: readonly string[] | RegionRule | undefined,
): readonly string[] | undefined {
  const before = ctx.state.get(ALLOWED_REGIONS);
  if (rule === undefined) return before;
  const ruled = typeof rule === 'function' ? rule(request, ctx) : rule;
  if (ruled === undefined) return before;
  if (!Array.isArray(ruled)) {
    throw new TypeError('allowedRegions returned no list of regions; return undefined to allow all');
  }
  const allowed = before === undefined ? ruled : before.filter((region) => ruled.includes(region));
  ctx.state.set(ALLOWED_REGIONS, allowed);
  return allowed;
}
