import {
  type ApiRequest,
  type BodySource,
  CACHE_STATUS,
  type Clock,
  type Context,
  discard,
  isEventStream,
  type Next,
  PipelineError,
  type Random,
  takeSource,
} from '@sluice/core';
import { Answers } from './answers.ts';
import type { Call } from './call.ts';
import { readDirectives } from './directives.ts';
import { Flights } from './flights.ts';
import { useOf } from './freshness.ts';
import { GuardedStore } from './guarded-store.ts';
import type { Purgeable } from './handle.ts';
import { Keeper } from './keeper.ts';
import { LeaseQueue } from './lease-queue.ts';
import type { CacheSettings } from './options.ts';
import { Planner } from './plan.ts';
import type { ScopeKind } from './scope.ts';
import { type CacheStatistics, noStatistics } from './statistics.ts';
import type { CacheEntry, CacheStore } from './store.ts';
import { abortReason } from './waiters.ts';

/** The cache of one pipeline. */
export class Caching implements Purgeable {
  readonly scope: ScopeKind;
  readonly statistics: CacheStatistics = noStatistics();
  readonly #settings: CacheSettings;
  readonly #clock: Clock;
  readonly #store: GuardedStore;
  readonly #planner: Planner;
  readonly #answers: Answers;
  readonly #flights: Flights;

  constructor(settings: CacheSettings, services: { clock: Clock; random: Random; store: CacheStore }) {
    const { clock, random, store } = services;
    this.scope = settings.scope;
    this.#settings = settings;
    this.#clock = clock;
    this.#store = new GuardedStore(store, clock, settings, this.statistics);
    this.#planner = new Planner(settings);
    this.#answers = new Answers(settings, clock);
    const keeper = new Keeper(this.#store, settings, clock, random);
    const { acrossProcesses } = settings;
    const queue =
      acrossProcesses === undefined ? undefined : new LeaseQueue(this.#store, clock, acrossProcesses);
    this.#flights = new Flights({
      clock,
      maxEntryBytes: settings.maxEntryBytes,
      toolCalls: settings.toolCalls,
      landed: (flight) => {
        queue?.landed(flight);
        keeper.keep(flight);
      },
      beforeLaunch: queue && ((flight) => queue.enter(flight)),
    });
    settings.handle?.attach(this);
  }

  /** Answers a call from the store, together with others, or by asking the upstream. */
  async handle(request: ApiRequest, next: Next, ctx: Context): Promise<Response> {
    const directives = readDirectives(request.headers['cache-control']);
    const call = directives.noStore
      ? { bypass: 'no-store' }
      : this.#planner.plan(request, next, ctx, directives);
    if ('bypass' in call) {
      if (directives.onlyIfCached) throw notCached();
      this.statistics.bypassed++;
      ctx.state.set(CACHE_STATUS, 'bypass');
      return this.#answers.marked(await next(request), ctx, { fwd: 'bypass', detail: call.bypass });
    }
    if (directives.noCache) {
      if (directives.onlyIfCached) throw notCached();
      return this.#fetch({ ...call, shared: false }, 'request');
    }
    const found = this.#store.get(call.key);
    const entry = found instanceof Promise ? await found : found;
    return this.#answer(call, entry, directives.onlyIfCached);
  }

  /** Forgets what was stored with the tag, and what is on its way. */
  async purge(tag: string): Promise<void> {
    this.#flights.purge(tag);
    await this.#store.purge(tag);
    // What has landed meanwhile had asked before.
    this.#flights.purge(tag);
  }

  /** Gives up what goes on in the background, and waits for what is being written. */
  async close(): Promise<void> {
    this.#settings.handle?.detach(this);
    this.#flights.close();
    await this.#store.settled();
  }

  #answer(call: Call, entry: CacheEntry | undefined, onlyIfCached: boolean): Response | Promise<Response> {
    const use =
      entry === undefined ? 'none' : useOf(entry, this.#clock.wallTime(), this.#settings, call.maxAgeMs);
    if (entry === undefined || use === 'none') {
      if (onlyIfCached) throw notCached();
      return this.#fetch(call, 'miss');
    }
    if (use === 'fresh') return this.#hit(entry, call.ctx);
    if (use === 'while-revalidating') {
      // Of what is asked in the background nobody sees an error, and nothing is to be had instead of it.
      if (!onlyIfCached) this.#flights.refresh(call, this.#settings.revalidateTimeoutMs);
      return this.#stale(entry, call.ctx);
    }
    if (onlyIfCached) throw notCached();
    return this.#fetch({ ...call, stale: entry }, 'stale');
  }

  /**
   * Asks the upstream, or shares what another call has asked.
   *
   * @param failures How often that has failed the call already. Once is enough: of those who ask again only one asks, and
   *   if each failure made one more of them ask, an outage would cost as many requests as there are calls.
   */
  async #fetch(call: Call, fwd: 'miss' | 'stale' | 'request', failures: 0 | 1 = 0): Promise<Response> {
    const { request, ctx } = call;
    if (request.signal.aborted) throw abortReason(request.signal);
    const flight = call.shared ? this.#flights.joinable(call.key) : undefined;
    const leads = flight === undefined;
    ctx.state.set(CACHE_STATUS, leads ? 'miss' : 'collapsed');
    const waiter = leads ? this.#flights.begin(call, failures) : this.#flights.join(flight, call);
    const boarded = await waiter.boarded;
    if (boarded !== 'stale' && 'stored' in boarded) return this.#hit(boarded.stored, ctx);
    this.statistics[leads ? 'misses' : 'collapsed']++;
    if (boarded === 'stale') return this.#stale(call.stale as CacheEntry, ctx);
    if ('failure' in boarded) {
      if ('error' in boarded.failure) throw boarded.failure.error;
      return this.#answers.marked(boarded.failure.response, ctx, { fwd });
    }
    if (boarded.flight.leader === call) return this.#answers.led(boarded, ctx, { fwd });
    const again = failures > 0 ? undefined : (): Promise<BodySource> => this.#askAgain(call);
    return this.#answers.followed(boarded, ctx, { fwd, collapsed: true }, again);
  }

  /** For a call whose shared answer was cut before any of it had been handed on. */
  async #askAgain(call: Call): Promise<BodySource> {
    const response = await this.#fetch({ ...call, stale: undefined }, 'miss', 1);
    if (response.status === 200 && isEventStream(response) === call.ctx.streamed) return takeSource(response);
    // Status and headers have gone out already.
    await discard(response);
    throw new PipelineError('stream_cut', {
      cause: new Error(`asked again, it answered ${response.status}`),
    });
  }

  #hit(entry: CacheEntry, ctx: Context): Response {
    this.statistics.hits++;
    ctx.state.set(CACHE_STATUS, 'hit');
    return this.#answers.stored(entry, ctx);
  }

  #stale(entry: CacheEntry, ctx: Context): Response {
    this.statistics.stale++;
    ctx.state.set(CACHE_STATUS, 'stale');
    return this.#answers.stored(entry, ctx);
  }
}

function notCached(): PipelineError {
  return new PipelineError('no_endpoint', {
    status: 504,
    retryable: false,
    message: 'Only a stored answer was asked for, and there is none.',
    plugin: 'cache',
  });
}
