import {
  type Context,
  isSpanContextValid,
  type Link,
  type TextMapPropagator,
  trace,
} from '@opentelemetry/api';
import type { ApiRequest } from '@sluice/core';

/** What trace context is carried in. It ends here: a provider has no use for a caller's ids, and none for its baggage. */
const CARRIERS = ['traceparent', 'tracestate', 'baggage'];

/** The request without the caller's trace context; the same object when there is none. */
export function withoutTraceContext(request: ApiRequest): ApiRequest {
  const { headers } = request;
  if (!CARRIERS.some((name) => headers[name] !== undefined)) return request;
  const left = { ...headers };
  for (const name of CARRIERS) delete left[name];
  return { ...request, headers: left };
}

/** Where a call's span belongs. */
export interface Origin {
  /** Its parent, if it has one. */
  readonly context: Context;
  /** What it has to do with, without being part of it. */
  readonly links: Link[] | undefined;
}

/**
 * Finds the parent of a call. What is active in the app is: the span of its own server. What a caller sends is one only
 * if the operator says so; otherwise it is a link, so that a stranger can neither put spans into another trace nor
 * decide what is recorded.
 */
export function originOf(
  { headers }: ApiRequest,
  active: Context,
  propagator: TextMapPropagator,
  trustInbound: boolean,
): Origin {
  if (headers['traceparent'] === undefined) return { context: active, links: undefined };
  const here = trace.getSpanContext(active);
  const inbound = propagator.extract(active, headers, {
    keys: Object.keys,
    get: (carrier: ApiRequest['headers'], name) => carrier[name],
  });
  const remote = trace.getSpanContext(inbound);
  // The app's own instrumentation has dealt with it already, or nobody reads it.
  if (remote === undefined || !isSpanContextValid(remote) || remote.traceId === here?.traceId)
    return { context: active, links: undefined };
  if (trustInbound && here === undefined) return { context: inbound, links: undefined };
  // Without its state: that may be anybody's text.
  const { traceId, spanId, traceFlags } = remote;
  return { context: active, links: [{ context: { traceId, spanId, traceFlags, isRemote: true } }] };
}
