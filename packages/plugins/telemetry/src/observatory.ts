import { context, type MeterProvider, type TextMapPropagator, type TracerProvider } from '@opentelemetry/api';
import { type ApiRequest, CACHE_STATUS, type Clock, type Context, type Next } from '@sluice/core';
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
  #parts: Parts | undefined;

  constructor(settings: TelemetrySettings, services: Services) {
    this.#settings = settings;
    this.#services = services;
    this.#guard = new Guard(services.clock);
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
      response.headers.append('server-timing', serverTiming(timing));
      return response;
    });
  }

  #observe(request: ApiRequest, ctx: Context): ObservedCall | undefined {
    const parts = this.#parts;
    if (parts === undefined) return undefined;
    try {
      const origin = originOf(request, context.active(), parts.propagator, this.#settings.trustInbound);
      const call = new ObservedCall(parts, request, ctx, origin);
      if (!call.watched) return undefined;
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
