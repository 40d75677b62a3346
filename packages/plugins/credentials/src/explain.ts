import { headerRecord } from '@sluice/core';

/** What a refusal of the upstream means for whoever runs the service. */
const MEANINGS: Readonly<Record<number, string>> = {
  401: 'the upstream does not accept it: it is revoked, incomplete, or of another service',
  402: 'the upstream wants its account to be paid for',
  403: 'the upstream accepts it, but not for what was asked: a model, a feature, a workspace or a region that its account has no right to; no other endpoint is asked for that',
  429: 'its account has reached its spend cap, which waiting does not lift',
};

/**
 * A sentence for the operator. Of the upstream's words only codes and the request's id: messages quote keys, and name
 * organisations.
 */
export function explain(response: Response, body: unknown): string {
  const { status } = response;
  const headers = headerRecord(response);
  const said = [status, codeOf(body), wordOf(headers['request-id'] ?? headers['x-request-id'])];
  return `${MEANINGS[status] ?? 'the upstream refused it'} (${said.filter((one) => one !== undefined).join(', ')})`;
}

/** The most precise word that the body has for what is wrong. */
function codeOf(body: unknown): string | undefined {
  const error = get(body, 'error');
  return (
    wordOf(get(get(error, 'details'), 'error_code')) ??
    wordOf(get(error, 'code')) ??
    wordOf(get(error, 'type'))
  );
}

function get(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function wordOf(value: unknown): string | undefined {
  return typeof value === 'string' && /^[a-z]\w{0,63}$/i.test(value) ? value : undefined;
}
