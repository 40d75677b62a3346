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
const NOT_SENT_PREFIXES = ['x-forwarded-', 'sec-', 'cf-', 'x-sluice-'];

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

/** The request headers that go upstream. */
export function forwardedHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const nominated = nominatedBy(headers['connection']);
  const sent: Record<string, string> = {};
  for (const name of Object.keys(headers)) {
    if (NOT_SENT.has(name) || startsWithAny(name) || nominated?.has(name)) continue;
    sent[name] = headers[name] as string;
  }
  sent['accept-encoding'] = 'identity';
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

function startsWithAny(name: string): boolean {
  // Three of four prefixes share two first letters with few real headers: a switch spares most names four compares.
  switch (name.charCodeAt(0)) {
    case 120: // x
    case 115: // s
    case 99: // c
      return NOT_SENT_PREFIXES.some((prefix) => name.startsWith(prefix));
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
