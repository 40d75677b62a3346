import { type Context as TraceContext, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  type ApiRequest,
  type Attempt,
  type Context,
  type Outcome,
  type StateKey,
  stateKey,
} from '@sluice/core';
import { recordAttempt } from './attempt-metrics.ts';
import { beginAttemptSpan, endAttemptSpan } from './attempt-span.ts';
import { spanName, startAttributes } from './call-attributes.ts';
import { recordCall } from './call-metrics.ts';
import { CHANNELS } from './channels.ts';
import { ATTRIBUTE } from './conventions.ts';
import { endAttributes } from './end-attributes.ts';
import type { Origin } from './inbound.ts';
import { attemptMessage, endMessage, startMessage } from './messages.ts';
import type { Parts } from './parts.ts';
import { hrTime } from './time.ts';

/** The call as telemetry sees it, for whoever sends its context along. */
export const OBSERVED_CALL: StateKey<ObservedCall> = stateKey('observed-call');

/** One call as telemetry sees it, from its start to its one outcome. No span outlives it. */
export class ObservedCall {
  /** When it began, on the monotonic clock. */
  readonly startedAt: number;
  /** What is active while it is handled: its span. */
  readonly context: TraceContext;
  readonly #parts: Parts;
  readonly #ctx: Context;
  readonly #method: string;
  readonly #wallTime: number;
  readonly #span: Span;
  /** Attempts that have been told of. */
  readonly #ended = new Set<Attempt>();
  /** Spans that were begun with their attempts. */
  #begun: Map<Attempt, Span> | undefined;

  constructor(parts: Parts, { method }: ApiRequest, ctx: Context, { context, links }: Origin) {
    const { clock, tracer } = parts;
    this.startedAt = clock.now();
    this.#wallTime = clock.wallTime();
    this.#parts = parts;
    this.#ctx = ctx;
    this.#method = method;
    const options = {
      kind: SpanKind.CLIENT,
      startTime: hrTime(this.#wallTime),
      attributes: startAttributes(ctx, parts),
      ...(links === undefined ? {} : { links }),
    };
    this.#span = tracer.startSpan(spanName(ctx, parts), options, context);
    this.context = trace.setSpan(context, this.#span);
  }

  /** The call is about to be handled. */
  begin(): void {
    const { instruments } = this.#parts;
    if (instruments !== undefined) this.#safely(() => instruments.activeCalls.add(1));
    if (CHANNELS.callStart.hasSubscribers)
      this.#safely(() => CHANNELS.callStart.publish(startMessage(this.#ctx, this.#method)));
  }

  /** Begins the span of the attempt that is about to be made, so that its context can be sent along. */
  beginAttempt({ method, url }: ApiRequest): Span {
    const { hostname, protocol, port } = new URL(url);
    return beginAttemptSpan(this.#parts, this.context, method, this.#now(), {
      [ATTRIBUTE.method]: method,
      [ATTRIBUTE.serverAddress]: hostname,
      [ATTRIBUTE.serverPort]: Number(port) || (protocol === 'https:' ? 443 : 80),
    });
  }

  /** Takes the span over that was begun for an attempt: it ends with it. */
  adopt(attempt: Attempt, span: Span): void {
    this.#begun ??= new Map();
    this.#begun.set(attempt, span);
  }

  /** An attempt is over. */
  attemptEnded(attempt: Attempt): void {
    if (this.#ended.has(attempt)) return;
    this.#ended.add(attempt);
    const { instruments, models } = this.#parts;
    const { disposition, status = 0 } = attempt;
    // Only the upstream knows which names are models.
    if (disposition?.health === 'success' && status < 300) models.learn(this.#ctx.model);
    this.#safely(() => this.#endSpan(attempt));
    if (instruments !== undefined)
      this.#safely(() => recordAttempt(attempt, this.#ctx, this.#parts, instruments));
    if (CHANNELS.attemptEnd.hasSubscribers)
      this.#safely(() =>
        CHANNELS.attemptEnd.publish(attemptMessage(this.#ctx, attempt, this.#numberOf(attempt))),
      );
  }

  /** The call has ended. */
  completed(outcome: Outcome): void {
    // Whose answer nobody read to its end: nothing more will be heard of it.
    for (const attempt of outcome.history) this.attemptEnded(attempt);
    if (outcome.kind === 'completed') this.#parts.models.learn(this.#ctx.model);
    this.#safely(() => this.#end(outcome));
    const { instruments } = this.#parts;
    if (instruments !== undefined)
      this.#safely(() => {
        const first = this.#firstContentMs(outcome.history);
        recordCall(outcome, this.#ctx, this.#parts, instruments, first, this.context);
      });
    if (CHANNELS.callEnd.hasSubscribers)
      this.#safely(() => CHANNELS.callEnd.publish(endMessage(this.#ctx, this.#method, outcome)));
  }

  #endSpan(attempt: Attempt): void {
    const index = this.#numberOf(attempt) - 1;
    const endedAt =
      attempt.durationMs === undefined ? this.#now() : this.#at(attempt.startedAt + attempt.durationMs);
    const begun = this.#begun?.get(attempt);
    if (begun !== undefined) {
      endAttemptSpan(begun, attempt, index, this.#parts, endedAt);
    } else if (this.#span.isRecording()) {
      const attributes = { [ATTRIBUTE.method]: this.#method };
      const startedAt = this.#at(attempt.startedAt);
      const span = beginAttemptSpan(this.#parts, this.context, this.#method, startedAt, attributes);
      endAttemptSpan(span, attempt, index, this.#parts, endedAt);
    }
  }

  #end(outcome: Outcome): void {
    const span = this.#span;
    if (span.isRecording())
      this.#safely(() => {
        span.updateName(spanName(this.#ctx, this.#parts));
        span.setAttributes(
          endAttributes(outcome, this.#ctx, this.#parts, this.#firstContentMs(outcome.history)),
        );
        // Who leaves makes no error of ours.
        if (outcome.kind !== 'completed' && outcome.kind !== 'client-abort')
          span.setStatus({ code: SpanStatusCode.ERROR });
      });
    span.end(hrTime(this.#at(this.startedAt + outcome.durationMs)));
  }

  /** From the call's start to the first content of its stream, wherever it came from; a replayed one has none. */
  #firstContentMs(history: readonly Attempt[]): number | undefined {
    if (!this.#ctx.streamed) return undefined;
    const attempt = history.find(({ firstContentMs }) => firstContentMs !== undefined);
    if (attempt?.firstContentMs === undefined) return undefined;
    return attempt.startedAt + attempt.firstContentMs - this.startedAt;
  }

  /** Each part by itself: a metric that cannot be recorded leaves no span open. */
  #safely(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#parts.guard.failed(error);
    }
  }

  #numberOf(attempt: Attempt): number {
    return this.#ctx.history.indexOf(attempt) + 1;
  }

  #now(): number {
    return this.#at(this.#parts.clock.now());
  }

  /** Wall time of a moment on the monotonic clock: one look at the wall clock per call, so that it cannot jump within. */
  #at(moment: number): number {
    return this.#wallTime + moment - this.startedAt;
  }
}
