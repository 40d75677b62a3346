import type { Outcome } from './outcome.ts';

/**
 * A request on its way through the pipeline. Immutable: spread to change, `next({ ...request, url })`. It is itself
 * a `RequestInit`, so `fetch(request.url, request)` works.
 */
export interface ApiRequest {
  /** Upper-case HTTP method. */
  readonly method: string;
  /** Absolute: the upstream's origin plus the caller's path and query. */
  readonly url: string;
  /** Lower-case names, one value each. */
  readonly headers: Readonly<Record<string, string>>;
  /** Buffered, so that it can be sent again, hashed and inspected. Never changed in place. */
  readonly body: Uint8Array<ArrayBuffer> | null;
  /** Aborts when the caller leaves, the deadline passes or the pipeline shuts down. */
  readonly signal: AbortSignal;
  /**
   * Where this attempt goes. Set by routing; undefined without. Part of the request and not of the call's state,
   * because two attempts of a call may be under way at once.
   */
  readonly endpoint?: Endpoint;
  /** Ids of endpoints that must not get this attempt: those that are at work on the same call (hedging). */
  readonly otherThan?: readonly string[];
}

/** Where an attempt is sent. */
export interface Endpoint {
  /** The operator's name for it. */
  readonly id: string;
  /** Its region, if it has one. */
  readonly region?: string;
  /** Why it was chosen, and what was not. */
  readonly decision?: RoutingDecision;
}

/** Why an endpoint was chosen. Holds no secret and nothing of the request's text. */
export interface RoutingDecision {
  /** For example `latency` or `affinity`. */
  readonly reason: string;
  /** Endpoints that were left out, and why. */
  readonly dropped: readonly { readonly endpoint: string; readonly reason: string }[];
  /** What a refusal of the credential seems to mean, once there was one: `region`, `permission`, `key` or `unknown`. */
  readonly diagnosis?: string | undefined;
}

/** A call as a mount hands it over. */
export interface InboundRequest {
  /** Upper-case HTTP method. */
  readonly method: string;
  /** Path and query, in origin form: it begins with a single slash. */
  readonly target: string;
  /** Lower-case names, one value each. */
  readonly headers: Readonly<Record<string, string>>;
  /** The whole body, or null. */
  readonly body: Uint8Array<ArrayBuffer> | null;
  /** Aborts when the caller leaves. */
  readonly signal?: AbortSignal;
  /**
   * In place of `signal`: a controller that becomes the call's own, for a mount that makes one per call anyway. Abort
   * it with a `PipelineError` as the reason. Linking two signals would cost more than the rest of the call's set-up.
   */
  readonly controller?: AbortController;
  /** Told how the call ended, once; also of a call that was refused before any plugin saw it. */
  readonly onComplete?: (outcome: Outcome) => void;
}

/** Splits an absolute URL into origin and path with query. A string cut: a `URL` object costs ten times as much. */
export function splitUrl(url: string): { readonly origin: string; readonly path: string } {
  const slash = url.indexOf('/', url.indexOf('://') + 3);
  if (slash < 0) return { origin: url, path: '/' };
  return { origin: url.slice(0, slash), path: url.slice(slash) };
}

/** The path of an absolute URL, without query. */
export function pathOf(url: string): string {
  const { path } = splitUrl(url);
  const query = path.indexOf('?');
  return query < 0 ? path : path.slice(0, query);
}
