import { type Attributes, type Context, type Span, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { Attempt } from '@sluice/core';
import { ATTRIBUTE } from './conventions.ts';
import { errorType } from './error-type.ts';
import type { Parts } from './parts.ts';
import { hrTime } from './time.ts';

/** Begins the span of an attempt: an HTTP client's, as the general conventions want it. */
export function beginAttemptSpan(
  { tracer }: Parts,
  parent: Context,
  method: string,
  startedAt: number,
  attributes: Attributes,
): Span {
  const options = { kind: SpanKind.CLIENT, startTime: hrTime(startedAt), attributes };
  return tracer.startSpan(method, options, parent);
}

/** Ends the span of an attempt with what became of it. `endedAt` is wall time. */
export function endAttemptSpan(
  span: Span,
  attempt: Attempt,
  index: number,
  { server }: Parts,
  endedAt: number,
): void {
  if (span.isRecording()) {
    const { endpoint, status } = attempt;
    const attributes: Attributes = {};
    if (index > 0) attributes[ATTRIBUTE.resendCount] = index;
    if (status !== undefined) attributes[ATTRIBUTE.status] = status;
    if (endpoint === undefined) {
      attributes[ATTRIBUTE.serverAddress] = server.address;
      attributes[ATTRIBUTE.serverPort] = server.port;
    } else {
      attributes[ATTRIBUTE.endpoint] = endpoint.id;
      if (endpoint.region !== undefined) attributes[ATTRIBUTE.region] = endpoint.region;
      if (endpoint.decision !== undefined) attributes[ATTRIBUTE.routingReason] = endpoint.decision.reason;
    }
    const error = errorType(attempt.error, status);
    if (error !== undefined) {
      attributes[ATTRIBUTE.errorType] = error;
      span.setStatus({ code: SpanStatusCode.ERROR });
    }
    span.setAttributes(attributes);
  }
  span.end(hrTime(endedAt));
}
