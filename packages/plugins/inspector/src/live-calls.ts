import { CACHE_STATUS, type Context } from '@sluice/core';
import { short } from './short.ts';
import { tenantOf } from './tenant-of.ts';

/** Calls that are shown one by one; the others are counted. */
const SHOWN = 40;

/** A call in progress, as it is kept. */
export interface LiveCall {
  readonly id: number;
  readonly ctx: Context;
  readonly startedAt: number;
  /** Its place in the list. */
  slot: number;
}

/** A call in progress, as it is shown. */
export interface LiveCallView {
  readonly id: number;
  readonly model: string | undefined;
  readonly tenant: string | undefined;
  readonly streamed: boolean;
  /** `plugins`: on its way in. `sent`: waits for an answer. `answering`: gets it. `between`: waits for another attempt. */
  readonly phase: 'plugins' | 'sent' | 'answering' | 'between';
  /** Where it was sent last; empty where nothing routes, undefined before. */
  readonly endpoint: string | undefined;
  /** Whether the cache has let it through. */
  readonly missed: boolean;
  readonly attempts: number;
  readonly ageMs: number;
}

/**
 * The calls in progress. Nothing is noted while they run: when somebody looks, their contexts are asked. An array that the
 * last call fills up the gaps of; core bounds how many calls there are.
 */
export class LiveCalls {
  readonly #calls: LiveCall[] = [];
  #next = 1;

  /** How many there are. */
  get size(): number {
    return this.#calls.length;
  }

  /** Adds a call. */
  add(ctx: Context, now: number): LiveCall {
    const call: LiveCall = { id: this.#next++, ctx, startedAt: now, slot: this.#calls.length };
    this.#calls.push(call);
    return call;
  }

  /** Takes a call out. */
  remove(call: LiveCall): void {
    const last = this.#calls.pop();
    if (last === undefined || last === call) return;
    this.#calls[call.slot] = last;
    last.slot = call.slot;
  }

  /** The first of them, as they are now. */
  view(now: number): LiveCallView[] {
    return this.#calls.slice(0, SHOWN).map(({ id, ctx, startedAt }) => {
      const last = ctx.history.at(-1);
      return {
        id,
        model: ctx.model === undefined ? undefined : short(ctx.model),
        tenant: tenantOf(ctx),
        streamed: ctx.streamed,
        phase: phaseOf(last),
        endpoint: last === undefined ? undefined : (last.endpoint?.id ?? ''),
        missed: ctx.state.get(CACHE_STATUS) === 'miss',
        attempts: ctx.attempts,
        ageMs: Math.round(now - startedAt),
      };
    });
  }
}

function phaseOf(last: Context['history'][number] | undefined): LiveCallView['phase'] {
  if (last === undefined) return 'plugins';
  if (last.durationMs !== undefined) return 'between';
  return last.firstContentMs === undefined ? 'sent' : 'answering';
}
