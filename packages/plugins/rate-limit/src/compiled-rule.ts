import { type ApiRequest, type Context, LIMITS, PipelineError } from '@sluice/core';
import { Calendar } from './calendar.ts';
import { type Rate, rateOf } from './gcra.ts';
import type { RateLimitSettings } from './options.ts';
import { costOf, MICRO, type Tokens, type UnitPrice } from './prices.ts';
import { type Dimension, type LimitRule, MAX_LIMIT, type OutagePolicy } from './rule.ts';
import { type ScopeKey, scopeKey } from './scope.ts';
import type { Claim } from './store.ts';

/** What is expected of a call before it is sent. */
export interface Expected {
  /** Tokens of input. */
  readonly input: number;
  /** Tokens of output, usually. */
  readonly usual: number;
  /** Tokens of output, at most. */
  readonly most: number;
  /** Whether the input was counted, and not guessed from the body's bytes. */
  readonly exact: boolean;
  /** What a token costs; undefined where no rule asks. */
  readonly price: UnitPrice | undefined;
}

/** A guess may be wrong by so much before a request is refused for its size. */
const BELIEVED = 2;

/** Options that a rule depends on. */
export type RuleSettings = Pick<RateLimitSettings, 'mode' | 'onOutage' | 'instances' | 'leaseMs'>;

/** Those of a rule that is only looked at. */
export const UNMOVED: RuleSettings = { mode: 'reject', onOutage: 'local', instances: 1, leaseMs: 0 };

/** Keys that a rule remembers. */
const MAX_KEYS = 1_000;

/** A rule, ready to be asked for each call. */
export class CompiledRule {
  readonly name: string;
  readonly of: Dimension;
  /** Units: calls, tokens, or millionths of the currency. */
  readonly limit: number;
  /** Units that fit at once; Infinity where anything does. */
  readonly capacity: number;
  readonly rate: Rate | undefined;
  readonly calendar: Calendar | undefined;
  /** Length of the window in seconds; 0 for places. */
  readonly windowS: number;
  readonly enforced: boolean;
  readonly onOutage: OutagePolicy;
  readonly refunds: boolean;
  readonly warnAt: number | undefined;
  readonly feedback: boolean;
  /** The rule with this process's share of the limit, for an outage. */
  readonly share: CompiledRule | undefined;
  readonly scope: ScopeKey;
  /** Whether its scopes may be shown: what a function makes of a request may be anything, a credential too. */
  readonly #shown: boolean;
  readonly #reserveMost: boolean;
  readonly #cacheReadWeight: number;
  readonly #leaseMs: number;
  readonly #keys = new Map<string, string>();
  readonly #rule: LimitRule;
  readonly #settings: RuleSettings;
  /** The rule with limits of callers' own. */
  readonly #own = new Map<number, CompiledRule>();

  /** Compiles a rule, and its share beside it. */
  static of(rule: LimitRule, settings: RuleSettings): CompiledRule {
    return new CompiledRule(
      rule,
      settings,
      1,
      new CompiledRule(rule, settings, settings.instances, undefined),
    );
  }

  private constructor(
    rule: LimitRule,
    settings: RuleSettings,
    parts: number,
    share: CompiledRule | undefined,
  ) {
    const { calendar, timeZone = 'UTC', windowMs, burst } = rule;
    const unit = rule.of === 'cost' ? MICRO : 1;
    const units = (amount: number): number => Math.max(1, Math.floor(Math.round(amount * unit) / parts));
    const spaced = settings.mode === 'pace' && windowMs !== undefined;
    this.#rule = rule;
    this.#settings = settings;
    this.name = rule.name;
    this.of = rule.of;
    this.limit = units(rule.limit);
    this.rate =
      windowMs === undefined ? undefined : rateOf(this.limit, windowMs, units(burst ?? rule.limit), spaced);
    this.capacity = spaced ? Infinity : (this.rate?.burst ?? this.limit);
    this.calendar = calendar === undefined ? undefined : new Calendar(calendar, timeZone);
    this.windowS =
      windowMs === undefined ? (calendar === undefined ? 0 : DAYS[calendar] * 86_400) : windowMs / 1000;
    this.enforced = rule.shadow !== true && settings.mode !== 'shadow';
    const quota = calendar !== undefined || rule.of === 'cost';
    this.onOutage = rule.onOutage ?? (quota ? 'closed' : settings.onOutage);
    this.refunds = rule.refunds ?? true;
    this.warnAt = rule.warnAt;
    this.feedback = rule.feedback ?? false;
    this.scope = scopeKey(rule.by);
    this.#shown = typeof rule.by !== 'function';
    this.#reserveMost = (rule.reserve ?? (calendar === undefined ? 'usual' : 'most')) === 'most';
    this.#cacheReadWeight = rule.cacheReadWeight ?? 1;
    this.#leaseMs = settings.leaseMs;
    this.share = share;
  }

  /** The rule with a caller's own limit in the place of everybody's, and a burst in proportion. */
  withLimit(limit: number): CompiledRule {
    let own = this.#own.get(limit);
    if (own === undefined) {
      const rule = this.#rule;
      const burst = rule.burst === undefined ? {} : { burst: (rule.burst * limit) / rule.limit };
      own = CompiledRule.of({ ...rule, limit, ...burst }, this.#settings);
      if (this.#own.size >= MAX_KEYS) this.#own.clear();
      this.#own.set(limit, own);
    }
    return own;
  }

  /** A scope of the rule as it may be shown to whoever watches. */
  shown(scope: string): string | undefined {
    return this.#shown ? scope : undefined;
  }

  /** What the rule asks of the store for a call. Undefined: more than will ever fit. */
  claim(scope: string, expected: Expected, wallTime: number): Claim | undefined {
    const floor = this.#floor(expected);
    if (floor > this.capacity * (expected.exact ? 1 : BELIEVED)) return undefined;
    const output = this.#reserveMost ? expected.most : expected.usual;
    const tokens = { input: expected.input, output, cacheRead: 0, cacheWrite: 0 };
    // A reservation that can never be met would shut small limits for good; what is beyond is charged afterwards.
    return this.claimOf(scope, Math.min(this.units(tokens, expected.price), this.capacity), floor, wallTime);
  }

  /** The claim for so many units. */
  claimOf(scope: string, cost: number, floor: number, wallTime: number): Claim {
    const { enforced, rate, calendar, limit } = this;
    const key = this.#key(scope);
    if (rate !== undefined) return { kind: 'rate', key, cost, enforced, rate };
    if (calendar === undefined) return { kind: 'slot', key, cost, enforced, limit, leaseMs: this.#leaseMs };
    const { id, endsAt } = calendar.at(wallTime);
    return {
      kind: 'window',
      key: `${key}:${id}`,
      cost,
      enforced,
      limit,
      floor: Math.min(floor, cost),
      endsAt,
    };
  }

  /**
   * The same claim with this process's share of the limit. A place is held for as long as the call may last: nobody
   * renews what this process grants, and it needs no lease to outlive itself.
   */
  shareOf(claim: Claim, lastsMs: number): Claim {
    const share = this.share as CompiledRule;
    const cost = Math.min(claim.cost, share.capacity);
    switch (claim.kind) {
      case 'rate':
        return { ...claim, cost, rate: share.rate as Rate };
      case 'window':
        return { ...claim, cost, limit: share.limit };
      case 'slot':
        return { ...claim, cost, limit: share.limit, leaseMs: lastsMs };
    }
  }

  /** What so many tokens are in units of the rule. */
  units(tokens: Tokens, price: UnitPrice | undefined): number {
    switch (this.of) {
      case 'requests':
      case 'concurrent-calls':
        return 1;
      case 'output-tokens':
        return tokens.output;
      case 'input-tokens':
        return this.#input(tokens);
      case 'tokens':
        return this.#input(tokens) + tokens.output;
      case 'cost':
        return price === undefined ? 0 : costOf(price, tokens);
    }
  }

  #input({ input, cacheRead }: Tokens): number {
    return this.#cacheReadWeight === 1 ? input : Math.ceil(input - cacheRead * (1 - this.#cacheReadWeight));
  }

  /** The same string each time: one that is put together has to be hashed anew by every map. */
  #key(scope: string): string {
    let key = this.#keys.get(scope);
    if (key === undefined) {
      const kind = this.rate !== undefined ? 'r' : this.calendar !== undefined ? 'w' : 's';
      key = `${kind}:${this.name}:${scope}`;
      if (this.#keys.size >= MAX_KEYS) this.#keys.clear();
      this.#keys.set(scope, key);
    }
    return key;
  }

  /** What the input alone comes to. */
  #floor({ input, price }: Expected): number {
    return this.units({ input, output: 0, cacheRead: 0, cacheWrite: 0 }, price);
  }
}

const DAYS = { day: 1, month: 31 };

/** A rule that applies to a call, with the scope it was found in. */
export interface Applied {
  readonly rule: CompiledRule;
  readonly scope: string;
}

/**
 * The rules that apply to a call, with its caller's own limits where it has any.
 *
 * @throws PipelineError `quota_exceeded` when its own limit is nothing.
 * @throws TypeError When its own limit is none.
 */
export function appliedRules(
  rules: readonly CompiledRule[],
  request: ApiRequest,
  ctx: Context,
  plugin: string,
): Applied[] {
  const applied: Applied[] = [];
  const limits = ctx.state.get(LIMITS);
  for (const rule of rules) {
    // Without a format there are no tokens to be read, and no price.
    if (ctx.format === undefined && rule.of !== 'requests' && rule.of !== 'concurrent-calls') continue;
    const scope = rule.scope(request, ctx);
    if (scope === undefined) continue;
    const own = limits === undefined ? undefined : ownLimit(limits, rule.name);
    if (own === Infinity) continue;
    if (own === 0 && rule.enforced) throw new PipelineError('quota_exceeded', { plugin });
    applied.push({ rule: own === undefined || own === 0 ? rule : rule.withLimit(own), scope });
  }
  return applied;
}

/**
 * A caller's own limit; Infinity: the rule does not apply to it.
 *
 * @throws TypeError When it is no limit: a call must not go unlimited because somebody has miscounted.
 */
export function ownLimit(limits: Readonly<Record<string, number>>, name: string): number | undefined {
  const own = Object.hasOwn(limits, name) ? limits[name] : undefined;
  if (own === undefined || own === Infinity) return own;
  if (typeof own !== 'number' || !(own >= 0))
    throw new TypeError(`the caller's limit "${name}" is no number of 0 or more`);
  return Math.min(own, MAX_LIMIT);
}
