import { headerRecord } from '@sluice/core';

const NOT_RELAYED = new Set([
  // They tell a caller which of the operator's accounts answered.
  'anthropic-organization-id',
  'anthropic-workspace-id',
  'openai-organization',
  'openai-project',
  // What a browser would take for a rule of the host application's own origin.
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-origin',
  'access-control-expose-headers',
  'access-control-max-age',
  'clear-site-data',
  'content-security-policy',
  'content-security-policy-report-only',
  'nel',
  'permissions-policy',
  'report-to',
  'reporting-endpoints',
  // Official SDKs follow a redirect, with the prompt and to any host.
  'location',
  'refresh',
]);

/** The headers that go to the client. Built anew: deleting from a copy would turn it into a slow dictionary. */
export function outboundHeaders(
  response: Response,
  isEventStream: boolean,
): Record<string, string | string[]> {
  const relayed = headerRecord(response);
  const headers: Record<string, string | string[]> = {};
  // A stream may yet end in an error event, and what has no body must not announce one (RFC 9110 §8.6).
  const isFramed = !isEventStream && response.status !== 204 && response.status !== 205;
  for (const name in relayed) {
    if (NOT_RELAYED.has(name) || (name === 'content-length' && !isFramed)) continue;
    headers[name] = relayed[name] as string | string[];
  }
  if (isEventStream) {
    // Proxies and compression middleware on the way must neither collect nor change the events.
    headers['cache-control'] = 'no-cache, no-transform';
    headers['x-accel-buffering'] = 'no';
  }
  return headers;
}
