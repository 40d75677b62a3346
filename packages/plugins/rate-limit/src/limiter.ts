import {
  type ApiRequest,
  changeHeaders,
  type Clock,
  type Context,
  followAttempt,
  headerRecord,
  type InspectedRow,
  type Next,
  observeStream,
  type PipelineError,
  type PluginInstance,
} from '@sluice/core';
import { type Applied, appliedRules, CompiledRule, type Expected } from './compiled-rule.ts';
import type { LimitEvent } from './events.ts';
import { expect, guess, UNCOUNTED } from './expect-tokens.ts';
import { upstreamLimit } from './feedback.ts';
import { Guard } from './guard.ts';
import { isUpstreamLimit, limitHeaders, type Told } from './headers.ts';
import { Hold } from './hold.ts';
import { Learned } from './learned.ts';
import type { RateLimitSettings } from './options.ts';
import { Pass, type PassParts } from './pass.ts';
import { PriceTable } from './prices.ts';
import { RecentHolds } from './recent-holds.ts';
import { refusal, tooLarge, unpriced } from './refusal.ts';
import { LONGEST_MS } from './rule.ts';
import { tenantOf } from './scope.ts';
import type { Claim, ClaimState, Grant, LimitStore } from './store.ts';
import { WaitingRoom } from './waiting.ts';

/** After a call's deadline nobody settles it any more. */
const LEASE_GRACE_MS = 5_000;

let limiters = 0;

/** The plugin at work in one pipeline. */
export class Limiter implements PluginInstance {
  readonly #name: string;
  readonly #settings: RateLimitSettings;
  readonly #clock: Clock;
  readonly #rules: readonly CompiledRule[];
  readonly #prices: PriceTable;
  readonly #guard: Guard;
  readonly #learned = new Learned();
  readonly #waiting: WaitingRoom | undefined;
  readonly #parts: PassParts;
  readonly #recent = new RecentHolds();
  /** Whether any rule counts tokens or what they cost. */
  readonly #countsTokens: boolean;
  readonly #countsCost: boolean;
  /** Two limiters of one pipeline reserve for the same call, and must not be taken for one. */
  readonly #number: number = limiters++;
  #passes = 0;

  constructor(name: string, settings: RateLimitSettings, clock: Clock, store: LimitStore) {
    this.#name = name;
    this.#settings = settings;
    this.#clock = clock;
    this.#rules = settings.rules.map((rule) => CompiledRule.of(rule, settings));
    this.#prices = new PriceTable(settings.prices);
    this.#countsTokens = settings.rules.some(({ of }) => of !== 'requests' && of !== 'concurrent-calls');
    this.#countsCost = settings.rules.some(({ of }) => of === 'cost');
    const { storeTimeoutMs, leaseMs, mode, maxWaiting } = settings;
    this.#guard = new Guard({
      store,
      clock,
      plugin: name,
      timeoutMs: storeTimeoutMs,
      leaseMs,
      report: this.#report,
    });
    if (mode === 'wait' || mode === 'pace')
      this.#waiting = new WaitingRoom({
        clock,
        maxWaiting,
        reserve: (hold) => this.#guard.reserve(hold),
        giveBack: (hold) => {
          void this.#guard.settle(
            hold,
            hold.claims.map(() => 0),
          );
        },
      });
    this.#parts = { guard: this.#guard, learned: this.#learned, waiting: this.#waiting };
  }

  readonly handle = async (request: ApiRequest, next: Next, ctx: Context): Promise<Response> => {
    const applied = appliedRules(this.#rules, request, ctx, this.#name);
    if (applied.length === 0) return next(request);
    const counted = this.#countsTokens && ctx.format !== undefined;
    const { estimate } = this.#settings;
    let expected = UNCOUNTED;
    let guessed: number | undefined;
    if (counted) {
      const price = this.#countsCost ? this.#prices.ofCall(request, ctx) : undefined;
      if (price === undefined && applied.some(({ rule }) => rule.of === 'cost' && rule.enforced))
        throw unpriced(this.#name);
      if (estimate === undefined) {
        const guessing = guess(request, ctx, this.#learned);
        guessed = guessing.guessed;
        expected = expect(guessing.estimate, ctx, this.#learned, { exact: false, price });
      } else {
        expected = expect(await estimate(request, ctx), ctx, this.#learned, { exact: true, price });
      }
    }
    const hold = this.#hold(applied, expected, ctx);
    const decision = this.#admit(hold, request, ctx);
    await (decision instanceof Promise ? decision : undefined);
    const pass = new Pass(this.#parts, hold, ctx, guessed);
    const attempts = this.#settings.counts === 'attempts';
    // First of all: whatever happens from here on, the call ends, and then this is settled.
    ctx.onComplete(attempts ? pass.callEndedWithout : pass.callEnded);
    request.signal.throwIfAborted();
    const answer = await (attempts ? followAttempt(request, next, this.#clock, pass) : next(request));
    this.#heed(answer, hold);
    this.#tell(answer, hold, ctx);
    return counted && ctx.streamed ? observeStream(answer, pass) : answer;
  };

  /** Waits for the store, but not for long: an app starts without it, too. */
  start(): Promise<void> {
    return this.#guard.start(this.#settings.shardByTenant ? '-' : this.#name);
  }

  /** Hands over what is still to be settled. */
  close(): Promise<void> {
    return this.#guard.close();
  }

  /** How the limits stand that the last calls were about. */
  inspect(): readonly InspectedRow[] {
    return this.#recent.rows(this.#clock.now());
  }

  /** @throws PipelineError When the call can never be admitted. */
  #hold(applied: readonly Applied[], expected: Expected, ctx: Context): Hold {
    const wallTime = this.#guard.wallTime();
    const claims: Claim[] = [];
    for (const { rule, scope } of applied) {
      const claim = rule.claim(scope, expected, wallTime);
      if (claim !== undefined) claims.push(claim);
      else if (rule.enforced) throw tooLarge(rule.name, this.#name);
      else claims.push(rule.claimOf(scope, rule.capacity, 0, wallTime));
    }
    return new Hold(applied, expected, {
      // A call may pass here more than once, when attempts are counted.
      id: `${ctx.id}.${this.#number}.${(this.#passes++).toString(36)}`,
      group: this.#settings.shardByTenant ? tenantOf(ctx) : this.#name,
      claims,
      leaseMs: Math.min(Math.ceil(ctx.remainingMs()), LONGEST_MS) + LEASE_GRACE_MS,
    });
  }

  /** @throws PipelineError When the call is refused. */
  #admit(hold: Hold, request: ApiRequest, ctx: Context): void | Promise<void> {
    const room = this.#waiting;
    const tenant = room === undefined ? '' : tenantOf(ctx);
    if (room?.blocks(tenant, hold) === true) return this.#wait(room, tenant, hold, undefined, request, ctx);
    const grant = this.#guard.reserve(hold);
    if (grant instanceof Promise)
      return grant.then((known) => this.#admitted(known, tenant, hold, request, ctx));
    return this.#admitted(grant, tenant, hold, request, ctx);
  }

  #admitted(
    grant: Grant,
    tenant: string,
    hold: Hold,
    request: ApiRequest,
    ctx: Context,
  ): void | Promise<void> {
    if (grant.admitted) {
      this.#note(hold);
      return;
    }
    const room = this.#waiting;
    const refused = this.#refusal(hold, ctx);
    if (room === undefined || !refused.retryable || (refused.retryAfterMs ?? 0) > this.#maxWaitMs(ctx)) {
      this.#reportRefusal(hold);
      throw refused;
    }
    return this.#wait(room, tenant, hold, grant, request, ctx);
  }

  async #wait(
    room: WaitingRoom,
    tenant: string,
    hold: Hold,
    refused: Grant | undefined,
    { signal }: ApiRequest,
    ctx: Context,
  ): Promise<void> {
    const { rule, scope } = this.#culprit(hold);
    this.#report({ type: 'wait-start', rule: rule.name, scope: rule.shown(scope), waiting: room.size + 1 });
    const maxWaitMs = this.#maxWaitMs(ctx);
    const giveUp = (): PipelineError => {
      this.#reportRefusal(hold);
      return this.#refusal(hold, ctx);
    };
    await room.enter(tenant, hold, { refused, maxWaitMs, signal, giveUp });
    this.#note(hold);
  }

  #maxWaitMs(ctx: Context): number {
    return Math.min(this.#settings.maxWaitMs, ctx.remainingMs());
  }

  /** What a decision says of rules that were not the reason of it. */
  #note(hold: Hold): void {
    this.#recent.note(hold, this.#clock.now());
    hold.applied.forEach(({ rule, scope }, i) => {
      const state = hold.states[i];
      if (state === undefined) return;
      if (!state.ok) this.#report({ type: 'limit-shadow', rule: rule.name, scope: rule.shown(scope) });
      if (rule.warnAt === undefined) return;
      // Of a rolling window with a burst, no more than that is ever there to be used.
      const { capacity } = rule;
      const used = capacity - state.remaining;
      const before = used - (hold.claims[i]?.cost ?? 0);
      const near = rule.warnAt * capacity;
      if (before < near && used >= near)
        this.#report({
          type: 'limit-near',
          rule: rule.name,
          scope: rule.shown(scope),
          used,
          limit: capacity,
        });
    });
  }

  #reportRefusal(hold: Hold): void {
    this.#recent.note(hold, this.#clock.now());
    const { rule, scope } = this.#culprit(hold);
    const position = hold.applied.findIndex((one) => one.rule === rule);
    const retryAfterMs = hold.states[position]?.retryAfterMs ?? 0;
    this.#report({ type: 'limit-refuse', rule: rule.name, scope: rule.shown(scope), retryAfterMs });
  }

  /** The rule that refuses. */
  #culprit({ applied, states }: Hold): Applied {
    const found = applied.findIndex(({ rule }, i) => rule.enforced && states[i]?.ok === false);
    return applied[Math.max(0, found)] as Applied;
  }

  #refusal(hold: Hold, ctx: Context): PipelineError {
    const styles = this.#settings.refusalHeaders;
    const wallTime = this.#guard.wallTime();
    return refusal(told(hold), { styles, plugin: this.#name, ctx, wallTime, out: this.#guard.out });
  }

  /** Takes the upstream at its word, where it is stricter than we are. */
  #heed(answer: Response, hold: Hold): void {
    hold.applied.forEach(({ rule, scope }, i) => {
      if (!rule.feedback) return;
      const claim = hold.claims[i];
      const said = upstreamLimit(answer, rule.of, this.#clock);
      if (said === undefined || claim?.kind !== 'rate') return;
      const left = hold.states[i]?.remaining ?? Infinity;
      if (said.blockedMs === 0 && said.remaining >= left) return;
      this.#guard.lower({ claim, group: hold.reservation.group, ...said });
      this.#report({ type: 'limit-lower', rule: rule.name, scope: rule.shown(scope), ...said });
    });
  }

  #tell(answer: Response, hold: Hold, ctx: Context): void {
    const styles = this.#settings.answerHeaders;
    if (styles.length === 0) return;
    const changes: Record<string, string | undefined> = {};
    if (styles.includes('provider'))
      for (const name of Object.keys(headerRecord(answer)))
        if (isUpstreamLimit(name)) changes[name] = undefined;
    Object.assign(changes, limitHeaders(styles, told(hold), ctx, this.#guard.wallTime()));
    if (this.#guard.out) changes['x-sluice-limits'] = 'without-store';
    changeHeaders(answer, changes);
  }

  readonly #report = (event: LimitEvent): void => {
    try {
      this.#settings.onEvent?.(event);
    } catch {
      // A listener's failure is its own.
    }
  };
}

function told({ applied, states }: Hold): Told[] {
  const known: Told[] = [];
  applied.forEach((one, i) => {
    const state: ClaimState | undefined = states[i];
    if (state !== undefined) known.push({ applied: one, state });
  });
  return known;
}
