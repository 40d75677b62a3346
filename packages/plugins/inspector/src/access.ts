/** What is known of who asks for the page. */
export interface Visitor {
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The other end of the connection, as the socket says. */
  readonly address: string | undefined;
}

/** Any of them: a proxy stands between, and the connection's other end is not who asks. */
const FORWARDED = [
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
  'cf-connecting-ip',
  'true-client-ip',
];

const LOOPBACK_ADDRESS = /^(?:::1|(?:::ffff:)?127(?:\.\d{1,3}){3})$/i;
const LOOPBACK_HOST = /^(?:(?:[a-z0-9-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

/**
 * Whether somebody on this machine asks, and means it. The host they asked for counts: by a name of its own that it lets
 * point to 127.0.0.1, a page from anywhere could else read this one (DNS rebinding).
 */
export function isLoopback({ headers, address = '' }: Visitor): boolean {
  const { host } = headers;
  return (
    LOOPBACK_ADDRESS.test(address) &&
    typeof host === 'string' &&
    LOOPBACK_HOST.test(host) &&
    FORWARDED.every((name) => headers[name] === undefined)
  );
}

/** Whether a page of another site asks for data. Browsers say so; whatever else asks is no browser. */
export function isForeignPage({ headers }: Visitor): boolean {
  const site = headers['sec-fetch-site'];
  return site !== undefined && site !== 'same-origin' && site !== 'none';
}
