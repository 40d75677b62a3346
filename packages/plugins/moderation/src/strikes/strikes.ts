import { type Clock, type Context, PipelineError, PRINCIPAL } from '@sluice/core';
import { conversationId } from '../conversation/conversation-id.ts';
import { StoreGate } from './store-gate.ts';
import type { StrikeStore } from './strike-store.ts';

/** Who is suspended. */
export type StrikeHolder = 'caller' | 'tenant' | 'conversation';

/** When callers are suspended, after input that was blocked. */
export interface StrikeOptions {
  /**
   * Whose blocked calls are counted, and who is suspended: the principal, all principals of its tenant together, or
   * one conversation. A call counts for each of them; one that has no principal, tenant or earlier turn, for the others.
   *
   * @default ['caller']
   */
  readonly per?: readonly StrikeHolder[];
  /**
   * Blocked calls in a row that suspend.
   *
   * @default 3
   */
  readonly inARow?: number;
  /**
   * Blocked calls within 24 hours that suspend.
   *
   * @default 5
   */
  readonly perDay?: number;
  /**
   * How long a suspension lasts, in milliseconds.
   *
   * @default 86_400_000
   */
  readonly suspendMs?: number;
  /**
   * What happens while the store fails: `open` moderates the call all the same, and counts no strike; `closed` refuses it.
   *
   * @default 'open'
   */
  readonly onStoreError?: 'open' | 'closed';
  /**
   * How long an answer of the store is waited for, in milliseconds. A store that failed is left alone for a second.
   *
   * @default 100
   */
  readonly storeTimeoutMs?: number;
}

const WHO: Readonly<Record<StrikeHolder, string>> = {
  caller: 'this caller',
  tenant: 'this organisation',
  conversation: 'this conversation',
};

interface Holder {
  readonly kind: StrikeHolder;
  /** Names it in the store. */
  readonly id: string;
}

/** Suspends whoever's input is blocked again and again. */
export class Strikes {
  readonly #options: StrikeOptions | undefined;
  readonly #store: StrikeStore;
  readonly #gate: StoreGate;

  constructor(options: StrikeOptions | undefined, store: StrikeStore, clock: Clock) {
    this.#options = options;
    this.#store = store;
    const { onStoreError: onError = 'open', storeTimeoutMs: timeoutMs = 100 } = options ?? {};
    this.#gate = new StoreGate({ onError, timeoutMs, retryMs: 1_000 }, clock);
  }

  /**
   * Refuses a call of somebody who is suspended.
   *
   * @returns For whom the call counts, for {@link note}.
   */
  check(ctx: Context, body: unknown): readonly Holder[] | Promise<readonly Holder[]> {
    const holders = this.#holdersOf(ctx, body);
    return holders.length === 0 ? holders : this.#notSuspended(holders);
  }

  async #notSuspended(holders: readonly Holder[]): Promise<readonly Holder[]> {
    const left = await Promise.all(
      holders.map((one) => this.#gate.ask(() => this.#store.suspendedMs(one.id))),
    );
    const longest = Math.max(0, ...left.map((ms) => ms ?? 0));
    if (longest === 0) return holders;
    const who = WHO[(holders[left.indexOf(longest)] as Holder).kind];
    throw new PipelineError('forbidden', {
      plugin: 'moderation',
      message: `The service is suspended for ${who} because of repeated content that is not allowed.`,
      retryAfterMs: longest,
    });
  }

  /** Takes note of whether a call's input was blocked. */
  async note(holders: readonly Holder[], blocked: boolean): Promise<void> {
    await Promise.all(holders.map(({ id }) => this.#gate.ask(() => this.#noteOf(id, blocked))));
  }

  async #noteOf(id: string, blocked: boolean): Promise<void> {
    if (!blocked) return this.#store.forgive(id);
    const { inARow = 3, perDay = 5, suspendMs = 86_400_000 } = this.#options ?? {};
    const count = await this.#store.strike(id);
    if (count.inARow >= inARow || count.perDay >= perDay) await this.#store.suspend(id, suspendMs);
    return undefined;
  }

  #holdersOf({ state, format }: Context, body: unknown): Holder[] {
    if (this.#options === undefined) return [];
    const principal = state.get(PRINCIPAL);
    const holders: Holder[] = [];
    for (const kind of this.#options.per ?? ['caller']) {
      const id =
        kind === 'conversation'
          ? format && conversationId(format, body, principal)
          : kind === 'tenant'
            ? principal?.tenant
            : // A user of a tenant, and not the whole tenant: one of them must not take the service from the others.
              principal && `${principal.tenant ?? ''}/${principal.id}`;
      if (id !== undefined) holders.push({ kind, id: `${kind}:${id}` });
    }
    return holders;
  }
}
