import { headerRecord } from '@sluice/core';

/** They tell a caller which of the operator's accounts answered. */
const ACCOUNT_HEADERS = new Set([
  'anthropic-organization-id',
  'anthropic-workspace-id',
  'openai-organization',
  'openai-project',
]);

/** The headers that go to the client. Built anew: deleting from a copy would turn it into a slow dictionary. */
export function outboundHeaders(response: Response, isEventStream: boolean): Record<string, string | string[]> {
  const relayed = headerRecord(response);
  const headers: Record<string, string | string[]> = {};
  for (const name in relayed) {
    if (!ACCOUNT_HEADERS.has(name)) headers[name] = relayed[name] as string | string[];
  }
  if (isEventStream) {
    // Proxies and compression middleware on the way must neither collect nor change the events.
    headers['cache-control'] = 'no-cache, no-transform';
    headers['x-accel-buffering'] = 'no';
  }
  return headers;
}
