import * as v from 'valibot';
import { isTimeZone } from './calendar.ts';
import { type LimitRule, LONGEST_MS, MAX_LIMIT, type Price, type Scope, type ScopeFunction } from './rule.ts';

const scope = v.picklist(
  ['tenant', 'app', 'model', 'endpoint', 'global'],
  'must be "tenant", "app", "model", "endpoint", "global", a list of them, or a function',
);
const share = v.pipe(
  v.number('must be a number'),
  v.minValue(0, 'must be between 0 and 1'),
  v.maxValue(1, 'must be between 0 and 1'),
);

/** One rule by itself. */
export const ruleSchema: v.GenericSchema<LimitRule> = v.pipe(
  v.strictObject({
    name: v.pipe(
      v.string('must be a string'),
      v.regex(/^[a-z][a-z0-9-]{0,39}$/, 'must be lower-case letters, digits and hyphens, 40 at most'),
    ),
    of: v.picklist(
      ['requests', 'input-tokens', 'output-tokens', 'tokens', 'cost', 'concurrent-calls'],
      'must be "requests", "input-tokens", "output-tokens", "tokens", "cost" or "concurrent-calls"',
    ),
    limit: v.pipe(
      v.number('must be a number'),
      v.finite('must be finite'),
      v.gtValue(0, 'must be more than 0; to forbid everything, use another plugin'),
      v.maxValue(MAX_LIMIT, 'must be at most 1e9'),
    ),
    windowMs: v.exactOptional(
      v.pipe(
        v.number('must be a number of milliseconds'),
        v.integer('must be a whole number of milliseconds'),
        v.minValue(1_000, 'must be at least 1000'),
        v.maxValue(LONGEST_MS, 'must be at most 31 days; use calendar for quotas'),
      ),
    ),
    calendar: v.exactOptional(v.picklist(['day', 'month'], 'must be "day" or "month"')),
    timeZone: v.exactOptional(
      v.pipe(v.string('must be a string'), v.check(isTimeZone, 'is no time zone, such as "Europe/Berlin"')),
    ),
    burst: v.exactOptional(v.pipe(v.number('must be a number'), v.gtValue(0, 'must be more than 0'))),
    by: v.exactOptional(
      v.union(
        [
          scope,
          v.pipe(v.array(scope), v.minLength(1)),
          v.custom<ScopeFunction>((value) => typeof value === 'function'),
        ],
        'must be "tenant", "app", "model", "endpoint", "global", a list of them, or a function',
      ),
    ),
    shadow: v.exactOptional(v.boolean('must be true or false')),
    onOutage: v.exactOptional(v.picklist(['open', 'closed', 'local'], 'must be "open", "closed" or "local"')),
    reserve: v.exactOptional(v.picklist(['usual', 'most'], 'must be "usual" or "most"')),
    refunds: v.exactOptional(v.boolean('must be true or false')),
    cacheReadWeight: v.exactOptional(share),
    warnAt: v.exactOptional(share),
    feedback: v.exactOptional(v.boolean('must be true or false')),
  }),
  v.rawCheck(({ dataset, addIssue }) => {
    if (dataset.typed) for (const message of contradictions(dataset.value)) addIssue({ message });
  }),
);

/** What one rule says that cannot be. */
function* contradictions(rule: LimitRule): Generator<string> {
  const { of, limit, windowMs, calendar, timeZone, burst, cacheReadWeight, feedback } = rule;
  const concurrent = of === 'concurrent-calls';
  if (concurrent && (windowMs !== undefined || calendar !== undefined))
    yield 'counts concurrent calls, which have no window; remove windowMs and calendar';
  if (!concurrent && (windowMs === undefined) === (calendar === undefined))
    yield 'needs a window: either windowMs or calendar';
  if (timeZone !== undefined && calendar === undefined) yield 'has a timeZone and no calendar; remove one';
  if (of !== 'cost' && (!Number.isInteger(limit) || (burst !== undefined && !Number.isInteger(burst))))
    yield 'counts whole things; limit and burst must be whole numbers';
  if (of === 'cost' && limit < 0.01) yield 'has a limit below a hundredth of the currency';
  if (burst !== undefined && windowMs === undefined) yield 'has a burst, which only a rolling window has';
  if (burst !== undefined && burst > limit)
    yield 'has a burst above its limit; what is gone in one go must fit into the window';
  if (cacheReadWeight !== undefined && of !== 'input-tokens' && of !== 'tokens')
    yield 'has a cacheReadWeight, which only rules of input-tokens or tokens have';
  if (feedback === true && (windowMs === undefined || of === 'cost'))
    yield 'has feedback, which only rolling windows of requests or tokens have';
}

/** The rules as what they are together, with the options they depend on. */
interface Together {
  readonly rules: readonly LimitRule[];
  readonly prices: Readonly<Record<string, Price>>;
  readonly counts: 'calls' | 'attempts';
  readonly shardByTenant: boolean;
  readonly mode: string;
}

/** What the options say together that cannot be. */
export function* rulesTogether({ rules, prices, counts, shardByTenant, mode }: Together): Generator<string> {
  const names = new Set<string>();
  for (const { name, of, by, burst, windowMs, warnAt } of rules) {
    if (names.has(name)) yield `there are two rules named "${name}"; each counter needs a name of its own`;
    names.add(name);
    if (of === 'cost' && Object.keys(prices).length === 0)
      yield `rule "${name}" counts cost, and there are no prices; add prices: { "claude-*": { input, output } }`;
    if (counts === 'calls' && scopesOf(by).includes('endpoint'))
      yield `rule "${name}" is by endpoint, which is chosen for each attempt; set counts: "attempts" and put the limiter inside region-routing`;
    if (shardByTenant && !scopesOf(by).includes('tenant'))
      yield `shardByTenant needs the tenant in the scope of each rule, and "${name}" has it not`;
    if (mode === 'pace' && burst !== undefined)
      yield `rule "${name}" has a burst, and pace admits one call at a time; remove it`;
    if (mode === 'pace' && warnAt !== undefined && windowMs !== undefined)
      yield `rule "${name}" has a warnAt, and pace admits one call at a time: nothing comes near; remove it`;
  }
  for (const [model, price] of Object.entries(prices)) {
    if (model.slice(0, -1).includes('*')) yield `price "${model}": only one * may stand, at the end`;
    for (const value of Object.values(price)) {
      if (typeof value === 'number' && !isWhole(value * 1e6))
        yield `price "${model}": ${value} has more than six decimals`;
    }
  }
}

function scopesOf(by: LimitRule['by'] = 'tenant'): readonly Scope[] {
  if (typeof by === 'function') return [];
  return typeof by === 'string' ? [by] : by;
}

/** Whether a product of decimals was meant to be a whole number. */
function isWhole(value: number): boolean {
  return Math.abs(value - Math.round(value)) < 1e-4;
}
