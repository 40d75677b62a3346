import { type Context, PipelineError, PRINCIPAL } from '@sluice/core';
import type { StrikeStore } from './strike-store.ts';

/** When callers are suspended, after input that was blocked. */
export interface StrikeOptions {
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
}

/** Suspends callers whose input is blocked again and again. A call without a principal has nobody to suspend. */
export class Strikes {
  readonly #options: StrikeOptions | undefined;
  readonly #store: StrikeStore;

  constructor(options: StrikeOptions | undefined, store: StrikeStore) {
    this.#options = options;
    this.#store = store;
  }

  /** Refuses a caller that is suspended. */
  async check(ctx: Context): Promise<void> {
    const caller = this.#callerOf(ctx);
    if (caller === undefined) return;
    const leftMs = await this.#store.suspendedMs(caller);
    if (leftMs === 0) return;
    throw new PipelineError('forbidden', {
      plugin: 'moderation',
      message: 'The service is suspended for this caller because of repeated content that is not allowed.',
      retryAfterMs: leftMs,
    });
  }

  /** Takes note of whether a call's input was blocked. */
  async note(ctx: Context, blocked: boolean): Promise<void> {
    const caller = this.#callerOf(ctx);
    if (caller === undefined) return;
    if (!blocked) {
      await this.#store.forgive(caller);
      return;
    }
    const { inARow = 3, perDay = 5, suspendMs = 86_400_000 } = this.#options ?? {};
    const count = await this.#store.strike(caller);
    if (count.inARow >= inARow || count.perDay >= perDay) await this.#store.suspend(caller, suspendMs);
  }

  #callerOf({ state }: Context): string | undefined {
    if (this.#options === undefined) return undefined;
    const principal = state.get(PRINCIPAL);
    // A user of a tenant, and not the whole tenant: one of them must not take the service from the others.
    return principal === undefined ? undefined : `${principal.tenant ?? ''}/${principal.id}`;
  }
}
