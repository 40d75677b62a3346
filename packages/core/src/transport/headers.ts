/** Hop-by-hop fields (RFC 9110 §7.6.1) and framing, which is rebuilt from the bytes that are sent. */
const HOP_BY_HOP = [
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/**
 * What a browser, a proxy or a cookie jar adds and an LLM provider must not see: `origin` makes some organisations
 * answer 401, client addresses are private, and `accept-encoding` is the transport's own choice.
 */
const NOT_SENT = new Set([
  ...HOP_BY_HOP,
  'accept-encoding',
  'accept-language',
  'cookie',
  'forwarded',
  'origin',
  'referer',
  'via',
  'x-real-ip',
]);

/** What concerns the provider's own edge and not the caller. */
const NOT_RELAYED = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'alt-svc',
  'server',
  'set-cookie',
  'strict-transport-security',
  'via',
]);

/** Fields that a `connection` header may not name away: they carry the call's meaning or its credentials. */
const NOT_NOMINABLE = new Set([
  'authorization',
  'x-api-key',
  'api-key',
  'content-type',
  'anthropic-version',
  'anthropic-beta',
]);

/** The request headers that go upstream, name and value in turn: undici takes such a list, and it costs half of a record. */
export function forwardedHeaders(headers: Readonly<Record<string, string>>): string[] {
  const nominated = nominatedBy(headers['connection']);
  const sent = ['accept-encoding', 'identity'];
  for (const name of Object.keys(headers)) {
    if (NOT_SENT.has(name) || isPrivate(name) || nominated?.has(name)) continue;
    sent.push(name, headers[name] as string);
  }
  return sent;
}

/** The response headers that go back to the caller. */
export function relayedHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Record<string, string | string[]> {
  const nominated = nominatedBy(headers['connection']);
  const relayed: Record<string, string | string[]> = {};
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (value === undefined || NOT_RELAYED.has(name) || name.startsWith('cf-') || nominated?.has(name))
      continue;
    relayed[name] = value;
  }
  return relayed;
}

/** Whether a header begins with one of the prefixes that are kept from the provider. */
function isPrivate(name: string): boolean {
  // By the first letter: no real header has to be compared with more than two.
  switch (name.charCodeAt(0)) {
    case 120: // x
      return name.startsWith('x-forwarded-') || name.startsWith('x-sluice-');
    case 115: // s
      return name.startsWith('sec-');
    case 99: // c
      return name.startsWith('cf-');
    default:
      return false;
  }
}

/** The fields that a `connection` header makes hop-by-hop; undefined for the usual `keep-alive` and `close`. */
function nominatedBy(connection: string | string[] | undefined): Set<string> | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined;
  const names = String(connection)
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => !NOT_NOMINABLE.has(name));
  return new Set(names);
}
