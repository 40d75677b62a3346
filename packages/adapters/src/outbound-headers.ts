import { headerRecord } from '@sluice/core';

/** They tell a caller which of the operator's accounts answered. */
const ACCOUNT_HEADERS = ['anthropic-organization-id', 'anthropic-workspace-id', 'openai-organization', 'openai-project'];

/** The headers that go to the client. */
export function outboundHeaders(response: Response): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = { ...headerRecord(response) };
  for (const name of ACCOUNT_HEADERS) if (name in headers) delete headers[name];
  if (String(headers['content-type']).startsWith('text/event-stream')) {
    // Proxies and compression middleware on the way must neither collect nor change the events.
    headers['cache-control'] = 'no-cache, no-transform';
    headers['x-accel-buffering'] = 'no';
  }
  return headers;
}
