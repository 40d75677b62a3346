import {
  type Clock,
  discard,
  headerRecord,
  holdUntilContent,
  isEventStream,
  observeStream,
  PipelineError,
  type SseEvent,
  takeSource,
} from '@sluice/core';
import type { Call } from './call.ts';
import { isDeterministic, isOutage, isPersonal } from './failure.ts';
import { type Failure, Flight, type Waiter } from './flight.ts';
import { ReplayLog } from './replay-log.ts';
import type { CacheEntry } from './store.ts';
import { CallWaiter, RefreshWaiter } from './waiters.ts';

/** What {@link Flights} needs of the cache around it. */
export interface FlightsOptions {
  readonly clock: Clock;
  readonly maxEntryBytes: number;
  readonly toolCalls: boolean;
  /** Called for each flight that is over: to store what came of it. */
  readonly landed: (flight: Flight) => void;
  /** Called before the upstream is asked: another process may be about to have the answer. */
  readonly beforeLaunch: ((flight: Flight) => Promise<CacheEntry | undefined>) | undefined;
}

/** All requests upstream in progress, by what they ask. */
export class Flights {
  readonly #options: FlightsOptions;
  /** Those that can be joined, and those in the background: of these one is enough, whoever may join. */
  readonly #byKey = new Map<string, Flight>();
  /**
   * Those that nobody can join, too. An array that the last one fills up the gaps of: a `Set` leaves outgrown tables
   * behind that keep finished calls alive.
   */
  readonly #all: Flight[] = [];

  constructor(options: FlightsOptions) {
    this.#options = options;
  }

  /** A flight that a call that may share can join, if there is one. */
  joinable(key: string): Flight | undefined {
    const flight = this.#byKey.get(key);
    return flight?.joinable === true ? flight : undefined;
  }

  /** Waits for a flight's answer along with others. */
  join(flight: Flight, call: Call): CallWaiter {
    const waiter = new CallWaiter(call, flight);
    if (flight.log !== undefined) {
      flight.waiters.pop();
      waiter.opened(flight);
    }
    return waiter;
  }

  /** Asks the upstream, for the call and whoever joins; `failures` are those of flights that the call was in before. */
  begin(call: Call, failures: number): CallWaiter {
    const flight = this.#flight(call, failures);
    const waiter = new CallWaiter(call, flight);
    void this.#launch(flight);
    return waiter;
  }

  /** Asks the upstream for nobody but the store, unless somebody does already. */
  refresh(call: Call, timeoutMs: number): void {
    if (this.#byKey.has(call.key)) return;
    const flight = this.#flight(call, 0);
    this.#byKey.set(call.key, flight);
    void new RefreshWaiter(call, flight, this.#options.clock, timeoutMs);
    void this.#launch(flight);
  }

  /** What is in progress with this tag is not stored when it comes. */
  purge(tag: string): void {
    for (const flight of this.#all) if (flight.leader.tags.includes(tag)) flight.storable = false;
  }

  /** Gives up what goes on in the background; no call is in progress any more. */
  close(): void {
    for (const flight of this.#all.slice()) flight.abandon(new PipelineError('shutting_down'));
  }

  #flight(call: Call, failures: number): Flight {
    const flight = new Flight(call, this.#options.clock.now(), failures, this.#landed);
    if (call.shared) this.#byKey.set(call.key, flight);
    flight.slot = this.#all.push(flight) - 1;
    return flight;
  }

  readonly #landed = (flight: Flight): void => {
    const { key } = flight.leader;
    if (this.#byKey.get(key) === flight) this.#byKey.delete(key);
    const last = this.#all.pop() as Flight;
    if (last !== flight) {
      this.#all[flight.slot] = last;
      last.slot = flight.slot;
    }
    this.#options.landed(flight);
  };

  async #launch(flight: Flight): Promise<void> {
    const { request, next } = flight.leader;
    try {
      const entry = await this.#options.beforeLaunch?.(flight);
      if (entry !== undefined) {
        for (const waiter of flight.end()) waiter.stored(entry);
        return;
      }
      if (flight.signal.aborted) return;
      const response = await next({ ...request, signal: flight.signal });
      // A whole answer that is cut has failed before anybody has seen it: clients read it only when it is whole.
      const whole = isEventStream(response)
        ? response
        : await holdUntilContent(response, { clock: this.#options.clock });
      this.#answered(flight, whole);
    } catch (error) {
      this.#failed(flight, { error });
    }
  }

  #answered(flight: Flight, response: Response): void {
    if (flight.signal.aborted) {
      void discard(response);
      return;
    }
    const { leader, failures } = flight;
    const { status } = response;
    const stream = isEventStream(response);
    const shares = status < 400 || failures > 0 || isDeterministic(response, this.#options.clock);
    if (!shares) {
      this.#failed(flight, { response });
      return;
    }
    if (status !== 200 || stream !== leader.ctx.streamed) flight.storable = false;
    const headers = headerRecord(response);
    const source = takeSource(flight.storable && stream ? this.#judged(flight, response) : response);
    flight.open({ status, headers }, (onEnd) => new ReplayLog(source, this.#options.maxEntryBytes, onEnd));
  }

  /** Notes what kind of answer a stream is as it passes. */
  #judged(flight: Flight, response: Response): Response {
    const { rules, ctx } = flight.leader;
    const { toolCalls } = this.#options;
    return observeStream(response, {
      event(event: SseEvent) {
        const kind = rules.event(event);
        if (kind !== undefined && !(toolCalls && kind === 'tool-call')) flight.storable = false;
        const meaning = ctx.format?.kind(event);
        if (meaning === 'error') flight.storable = false;
        else if (meaning === 'terminal') flight.complete = true;
      },
    });
  }

  /**
   * Some have something stale to fall back on. The call that asked gets its failure. Of the others one asks again, and
   * they wait on, unless that has been tried: then the upstream fails for all of them.
   */
  #failed(flight: Flight, failure: Failure): void {
    const { clock } = this.#options;
    const waiters = flight.end();
    const outage = isOutage(failure, clock);
    const personal = isPersonal(failure);
    const rest: Waiter[] = [];
    let handedOn = false;
    for (const waiter of waiters) {
      if (outage && waiter.call.stale !== undefined) waiter.stale();
      else if (waiter.call === flight.leader || (!personal && flight.failures > 0)) {
        handedOn = true;
        waiter.failed(failure);
      } else rest.push(waiter);
    }
    if ('response' in failure && !handedOn) void discard(failure.response);
    const [first] = rest;
    if (first === undefined) return;
    const successor = this.#flight(first.call, flight.failures + (personal ? 0 : 1));
    successor.waiters = rest;
    for (const waiter of rest) waiter.flight = successor;
    void this.#launch(successor);
  }
}
