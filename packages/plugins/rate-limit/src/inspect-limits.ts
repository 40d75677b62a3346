import { CompiledRule, ownLimit, UNMOVED } from './compiled-rule.ts';
import { MICRO } from './prices.ts';
import type { LimitRule, Scope } from './rule.ts';
import { digestPart, keyPart, scopeOf } from './scope.ts';
import type { LimitStore } from './store.ts';

/** Whose limits are looked at. */
export interface InspectOptions {
  /** The limiter's rules. */
  readonly rules: readonly LimitRule[];
  /** The names that its rules go by. Absent: that of calls without one. */
  readonly names: Readonly<Partial<Record<Exclude<Scope, 'global'>, string>>>;
  /** For rules whose scope is a function, what it names, by the rule's name. Without it they are left out. */
  readonly scopes?: Readonly<Record<string, string>>;
  /** The caller's own limits, by the rule's name, as they stand in `LIMITS`. Rules with Infinity are left out. */
  readonly limits?: Readonly<Record<string, number>>;
  /**
   * Whether the limiter has `shardByTenant`.
   *
   * @default false
   */
  readonly shardByTenant?: boolean;
}

/** How one limit stands. */
export interface InspectedLimit {
  /** The rule's name. */
  readonly rule: string;
  /** What it allows: calls, tokens, or an amount of the currency. */
  readonly limit: number;
  /** What is used, reservations of calls in progress included. */
  readonly used: number;
  /** What is left; negative when more was used than was reserved. */
  readonly remaining: number;
  /** Milliseconds until all of it is there again. */
  readonly resetMs: number;
}

/**
 * Reads how limits stand, without taking anything: for a page of usage, or a route of your own.
 *
 * @throws TypeError When one of `limits` is none.
 */
export async function inspectLimits(
  store: LimitStore,
  { rules, names, scopes = {}, limits = {}, shardByTenant = false }: InspectOptions,
): Promise<readonly InspectedLimit[]> {
  const group = shardByTenant ? keyPart(names.tenant ?? '') : 'rate-limit';
  const look = { id: '', group, leaseMs: 0 };
  const { wallTime } = await store.reserve({ ...look, claims: [] });
  const known = rules.flatMap((given) => {
    const scope =
      typeof given.by === 'function'
        ? scopes[given.name] && digestPart(scopes[given.name] ?? '')
        : scopeOf(given.by, names);
    const own = ownLimit(limits, given.name);
    if (scope === undefined || own === Infinity) return [];
    const common = CompiledRule.of(given, UNMOVED);
    const forbidden = own === 0 && common.enforced;
    const rule = own === undefined || own === 0 ? common : common.withLimit(own);
    return [{ rule, forbidden, claim: rule.claimOf(scope, 0, 0, wallTime) }];
  });
  const { states } = await store.reserve({ ...look, claims: known.map(({ claim }) => claim) });
  return known.map(({ rule, forbidden }, i) => {
    const { remaining = 0, resetMs = 0 } = states[i] ?? {};
    const unit = rule.of === 'cost' ? MICRO : 1;
    const capacity = rule.rate?.burst ?? rule.limit;
    const used = capacity - remaining;
    return {
      rule: rule.name,
      limit: forbidden ? 0 : rule.limit / unit,
      used: used / unit,
      remaining: (forbidden ? 0 - used : remaining) / unit,
      resetMs,
    };
  });
}
