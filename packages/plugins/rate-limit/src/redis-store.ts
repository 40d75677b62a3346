import { rateState, slotState, windowState } from './claim-state.ts';
import { spanOf } from './gcra.ts';
import { type RedisLimitClient, RedisScripts } from './redis-client.ts';
import {
  type Claim,
  type ClaimState,
  type Grant,
  type LimitStore,
  type Lowering,
  type Renewal,
  type Reservation,
  SETTLED_MS,
  type Settlement,
} from './store.ts';

/** How long a reservation outlives its lease. */
const GRACE_MS = 60_000;
/** A window's count is kept a little longer than the window, for calls that end after it. */
const WINDOW_GRACE_MS = 3_600_000;
/** Ids in one command of a renewal. */
const RENEWED_AT_ONCE = 500;

/** Options of {@link redisLimitStore}. */
export interface RedisLimitStoreOptions {
  /**
   * What every key begins with.
   *
   * @default 'sluice:limit:'
   */
  readonly prefix?: string;
}

/**
 * Counts limits in Redis, for all processes together: one command and one round trip for each decision.
 *
 * @param client Your `ioredis` client or Cluster. It stays yours: nothing here connects or closes it.
 */
export function redisLimitStore(
  client: RedisLimitClient,
  { prefix = 'sluice:limit:' }: RedisLimitStoreOptions = {},
): LimitStore {
  return new RedisLimitStore(new RedisScripts(client), prefix);
}

class RedisLimitStore implements LimitStore {
  readonly #scripts: RedisScripts;
  readonly #prefix: string;

  constructor(scripts: RedisScripts, prefix: string) {
    this.#scripts = scripts;
    this.#prefix = prefix;
  }

  async reserve(reservation: Reservation): Promise<Grant> {
    const { id, claims, leaseMs } = reservation;
    const args = [id, String(leaseMs), String(leaseMs + GRACE_MS)];
    for (const claim of claims) pushClaim(args, claim);
    const answer = (await this.#scripts.run('Reserve', this.#keys(reservation), args)) as readonly (
      | number
      | string
    )[];
    const wallTime = Number(answer[1]) / 1000;
    const states = claims.map((claim, i) =>
      stateOf(claim, answer[2 + 2 * i] === 1, Number(answer[3 + 2 * i]), wallTime),
    );
    return { admitted: answer[0] === 1, states, wallTime };
  }

  async settle({ reservation, actual, granted }: Settlement): Promise<void> {
    const { id, claims } = reservation;
    const args = [id, granted ? '1' : '0', String(SETTLED_MS)];
    claims.forEach((claim, i) => {
      pushSettlement(args, claim, actual[i] as number);
    });
    await this.#scripts.run('Settle', this.#keys(reservation), args);
  }

  async renew({ key, group, ids, leaseMs }: Renewal): Promise<void> {
    for (let from = 0; from < ids.length; from += RENEWED_AT_ONCE) {
      const some = ids.slice(from, from + RENEWED_AT_ONCE);
      await this.#scripts.run('Renew', [this.#key(group, key)], [String(leaseMs), ...some]);
    }
  }

  async lower({ claim, group, remaining, blockedMs }: Lowering): Promise<void> {
    const { rate } = claim;
    const one = rate.spaced ? 0 : spanOf(rate, 1).whole;
    const backlog = rate.capacity.whole - spanOf(rate, remaining).whole;
    const blocked = blockedMs > 0 ? blockedMs * 1000 + rate.capacity.whole - one : 0;
    const least = Math.ceil(Math.max(0, backlog, blocked));
    await this.#scripts.run('Lower', [this.#key(group, claim.key)], [String(rate.parts), String(least)]);
  }

  #keys({ id, group, claims }: Reservation): string[] {
    return [this.#key(group, `id:${id}`), ...claims.map(({ key }) => this.#key(group, key))];
  }

  /** The group is the hash tag: all keys of a decision are in one slot of a cluster. */
  #key(group: string, key: string): string {
    return `${this.#prefix}{${group}}:${key}`;
  }
}

function pushClaim(args: string[], claim: Claim): void {
  const enforced = claim.enforced ? '1' : '0';
  switch (claim.kind) {
    case 'rate': {
      const { rate, cost } = claim;
      const { whole, part } = spanOf(rate, cost);
      const capacity = rate.spaced ? '-' : String(rate.capacity.whole);
      const parts = String(rate.parts);
      args.push('r', enforced, String(whole), String(part), parts, capacity, String(rate.capacity.part));
      break;
    }
    case 'window': {
      const { cost, limit, floor } = claim;
      args.push('w', enforced, String(cost), String(limit), String(floor), String(keptUntil(claim)), '-');
      break;
    }
    case 'slot':
      args.push('s', enforced, String(claim.cost), String(claim.limit), String(claim.leaseMs), '-', '-');
      break;
  }
}

function pushSettlement(args: string[], claim: Claim, actual: number): void {
  switch (claim.kind) {
    case 'rate': {
      const reserved = spanOf(claim.rate, claim.cost);
      const used = spanOf(claim.rate, actual);
      const spans = [reserved.whole, reserved.part, used.whole, used.part, claim.rate.parts];
      args.push('r', ...spans.map(String), '-');
      break;
    }
    case 'window':
      args.push('w', String(actual), String(keptUntil(claim)), '-', '-', '-', '-');
      break;
    case 'slot':
      args.push('s', '-', '-', '-', '-', '-', '-');
      break;
  }
}

function keptUntil({ endsAt }: { readonly endsAt: number }): number {
  return Math.ceil(endsAt) + WINDOW_GRACE_MS;
}

function stateOf(claim: Claim, ok: boolean, value: number, wallTime: number): ClaimState {
  switch (claim.kind) {
    case 'rate':
      return rateState(claim, ok, value);
    case 'window':
      return windowState(claim, ok, value, wallTime);
    case 'slot':
      return slotState(claim, ok, value);
  }
}
