import {
  context,
  type MeterProvider,
  ProxyTracerProvider,
  type TextMapPropagator,
  type TracerProvider,
} from '@opentelemetry/api';
import { type ApiRequest, CACHE_STATUS, type Clock, type Context, type Next } from '@sluice/core';
import { callsAreHeard } from './channels.ts';
import { CONVENTIONS, SCOPE } from './conventions.ts';
import { eventRecorder } from './event-recorder.ts';
import { Guard } from './guard.ts';
import { originOf, withoutTraceContext } from './inbound.ts';
import { type Instruments, instrumentsOf } from './instruments.ts';
import { KnownNames } from './known-names.ts';
import { OBSERVED_CALL, ObservedCall } from './observed-call.ts';
import type { TelemetrySettings } from './options.ts';
import type { Parts } from './parts.ts';
import type { PluginEvent } from './plugin-events.ts';
import { serverTiming } from './server-timing.ts';
import { withContext } from './with-context.ts';

/** What an observatory is made with. */
interface Services {
  readonly clock: Clock;
  readonly tracers: TracerProvider;
  readonly meters: MeterProvider;
  readonly propagator: TextMapPropagator;
  readonly upstream: string;
}

const MAX_MODELS = 100;
const MAX_TENANTS = 1_000;

/** Sees all calls of a pipeline. */
export class Observatory {
  readonly #settings: TelemetrySettings;
  readonly #services: Services;
  readonly #guard: Guard;
  readonly #onEvent: (event: PluginEvent) => void;
  #instruments: Instruments | undefined;
  #traced: boolean;
  #parts: Parts | undefined;

  constructor(settings: TelemetrySettings, services: Services) {
    this.#settings = settings;
    this.#services = services;
    this.#guard = new Guard(services.clock);
    this.#traced = false;
    this.#onEvent = eventRecorder(() => this.#instruments, this.#guard);
  }

  /** Metrics are asked for as late as this, so that the application had time to say who collects them. */
  start(): void {
    const { clock, tracers, meters, propagator, upstream } = this.#services;
    const { hostname, port, protocol } = new URL(upstream);
    const { models } = this.#settings;
    try {
      this.#instruments = instrumentsOf(meters);
      this.#parts = {
        settings: this.#settings,
        clock,
        guard: this.#guard,
        tracer: tracers.getTracer(SCOPE.name, SCOPE.version, { schemaUrl: CONVENTIONS.schemaUrl }),
        propagator,
        instruments: this.#instruments,
        models: models === undefined ? new KnownNames(MAX_MODELS) : new KnownNames(0, models),
        tenants: new KnownNames(MAX_TENANTS),
        server: { address: hostname, port: Number(port) || (protocol === 'https:' ? 443 : 80) },
      };
    } catch (error) {
      this.#guard.failed(error);
    }
    this.#settings.events?.attach(this.#onEvent);
  }

  close(): void {
    this.#settings.events?.detach(this.#onEvent);
  }

  /** Handles one call. */
  handle(request: ApiRequest, next: Next, ctx: Context): Promise<Response> {
    const { clock } = this.#services;
    const startedAt = clock.now();
    const call = this.#observe(request, ctx);
    const sent = withoutTraceContext(request);
    const answer = call === undefined ? next(sent) : withContext(call.context, () => next(sent), this.#guard);
    if (!this.#settings.serverTiming) return answer;
    return answer.then((response) => {
      const { history, state } = ctx;
      const timing = { startedAt, now: clock.now(), history, cacheStatus: state.get(CACHE_STATUS) };
      try {
        response.headers.append('server-timing', serverTiming(timing));
      } catch (error) {
        // The headers of a plugin's own `Response` may be immutable.
        this.#guard.failed(error);
      }
      return response;
    });
  }

  /** Whether there is an SDK that makes spans. One may yet be registered; one that is there stays. */
  #hasTracer(): boolean {
    const { tracers } = this.#services;
    this.#traced ||=
      !(tracers instanceof ProxyTracerProvider) || tracers.getDelegateTracer(SCOPE.name) !== undefined;
    return this.#traced;
  }

  #observe(request: ApiRequest, ctx: Context): ObservedCall | undefined {
    const parts = this.#parts;
    if (parts === undefined) return undefined;
    try {
      // Asked first of all: it is why a call costs next to nothing that nobody looks at.
      if (parts.instruments === undefined && !callsAreHeard() && !this.#hasTracer()) return undefined;
      const origin = originOf(request, context.active(), parts.propagator, this.#settings.trustInbound);
      const call = new ObservedCall(parts, request, ctx, origin);
      ctx.state.set(OBSERVED_CALL, call);
      ctx.onAttempt((attempt) => {
        call.attemptEnded(attempt);
      });
      ctx.onComplete((outcome) => {
        call.completed(outcome);
      });
      call.begin();
      return call;
    } catch (error) {
      this.#guard.failed(error);
      return undefined;
    }
  }
}
