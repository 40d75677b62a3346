/** What may come of a request. */
export interface RawCase {
  readonly name: string;
  /** On the wire, one write each; a character is a byte. */
  readonly writes: readonly string[];
  /** Statuses of the responses, in order; none: the connection is closed without one. */
  readonly statuses: readonly number[];
  /** How many requests reach the upstream, or any of several numbers where that is a race. */
  readonly forwarded: number | readonly number[];
  /** Who refuses: the mount, in the caller's dialect, or Node's parser. */
  readonly by?: 'mount' | 'node';
  /** The caller's. Default: Anthropic's, as nearly all cases send x-api-key. */
  readonly dialect?: 'openai';
  /** Looks at the one request that was forwarded: its headers by name, and its body. */
  readonly sees?: (headers: ReadonlyMap<string, string>, body: string) => boolean;
}

const BODY = '{"model":"m","messages":[]}';
const CRLF = '\r\n';

interface Parts {
  readonly method?: string;
  readonly target?: string;
  readonly version?: string;
  readonly host?: string | null;
  /** Lines, between host and the end. */
  readonly head?: readonly string[];
  readonly close?: boolean;
  /** Framed by a content-length, unless `framed` is false. */
  readonly body?: string;
  readonly framed?: boolean;
}

/** A well-formed request, but for what is asked otherwise. */
function request(parts: Parts = {}): string {
  const { method = 'POST', target = '/v1/messages', version = '1.1', host = 'localhost', head = [] } = parts;
  const { close = true, body = BODY, framed = true } = parts;
  const lines = [
    `${method} ${target} HTTP/${version}`,
    ...(host === null ? [] : [`host: ${host}`]),
    'x-api-key: key',
    ...(method === 'POST' ? ['content-type: application/json'] : []),
    ...head,
    ...(close ? ['connection: close'] : []),
    ...(framed && (method === 'POST' || body !== BODY) ? [`content-length: ${body.length}`] : []),
  ];
  return lines.join(CRLF) + CRLF + CRLF + (method === 'POST' || body !== BODY ? body : '');
}

const chunk = (text: string, extension = ''): string =>
  `${text.length.toString(16)}${extension}${CRLF}${text}${CRLF}`;
const chunked = (head: readonly string[], body: string, parts: Parts = {}): string =>
  request({ ...parts, head, body, framed: false });
const SMUGGLED =
  'POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx-smuggled: 1\r\ncontent-length: 0\r\n\r\n';
const WHOLE = chunk(BODY) + chunk('');

const ok = (name: string, writes: string | readonly string[], sees?: RawCase['sees']): RawCase => ({
  name,
  writes: typeof writes === 'string' ? [writes] : writes,
  statuses: [200],
  forwarded: 1,
  ...(sees === undefined ? {} : { sees }),
});
const byNode = (name: string, bytes: string, ...statuses: readonly number[]): RawCase => ({
  name,
  writes: [bytes],
  statuses: statuses.length === 0 ? [400] : statuses,
  forwarded: 0,
  by: 'node',
});
const byMount = (name: string, status: number, bytes: string): RawCase => ({
  name,
  writes: [bytes],
  statuses: [status],
  forwarded: 0,
  by: 'mount',
});

const framing: readonly RawCase[] = [
  ok('a content-length', request(), (_, body) => body === BODY),
  ok('one byte a write', request().split(''), (_, body) => body === BODY),
  ok('chunks', chunked(['transfer-encoding: chunked'], WHOLE), (_, body) => body === BODY),
  ok('chunks, by another case', chunked(['Transfer-Encoding: CHUNKED'], WHOLE), (_, body) => body === BODY),
  ok('a chunk extension', chunked(['transfer-encoding: chunked'], chunk(BODY, ';a=b') + chunk(''))),
  ok(
    'trailers',
    chunked(['transfer-encoding: chunked', 'trailer: x-t'], `${chunk(BODY)}0\r\nx-t: 1\r\n\r\n`),
  ),
  ok('a chunk size with zeros before it', chunked(['transfer-encoding: chunked'], `000${WHOLE}`)),
  byNode('content-length and chunks', chunked(['content-length: 4', 'transfer-encoding: chunked'], WHOLE)),
  byNode('chunks and content-length', chunked(['transfer-encoding: chunked', 'content-length: 4'], WHOLE)),
  byNode('two equal content-lengths', request({ head: [`content-length: ${BODY.length}`] })),
  byNode('two content-lengths', request({ head: ['content-length: 4'] })),
  byNode('two content-lengths of different case', request({ head: ['Content-Length: 4'] })),
  byNode(
    'a list of content-lengths',
    request({ head: ['content-length: 4, 4'], framed: false, body: 'abcd' }),
  ),
  byNode(
    'a content-length with a sign',
    request({ head: ['content-length: +4'], framed: false, body: 'abcd' }),
  ),
  byNode('a negative content-length', request({ head: ['content-length: -4'], framed: false, body: 'abcd' })),
  byNode(
    'a hexadecimal content-length',
    request({ head: ['content-length: 0x4'], framed: false, body: 'abcd' }),
  ),
  byNode('an empty content-length', request({ head: ['content-length:'], framed: false, body: 'abcd' })),
  byNode(
    'a content-length beyond 64 bits',
    request({ head: ['content-length: 18446744073709551620'], framed: false }),
  ),
  byMount('gzip, chunked', 400, chunked(['transfer-encoding: gzip, chunked'], WHOLE)),
  byMount(
    'gzip and chunked on two lines',
    400,
    chunked(['transfer-encoding: gzip', 'transfer-encoding: chunked'], WHOLE),
  ),
  byNode('chunked twice', chunked(['transfer-encoding: chunked', 'transfer-encoding: chunked'], WHOLE)),
  byNode('chunked, identity', chunked(['transfer-encoding: chunked, identity'], WHOLE)),
  byNode('identity', chunked(['transfer-encoding: identity'], WHOLE)),
  byNode('xchunked', chunked(['transfer-encoding: xchunked'], WHOLE)),
  byNode('chunked with a vertical tab', chunked(['transfer-encoding: \x0bchunked'], WHOLE)),
  byNode('a space before the colon of transfer-encoding', chunked(['transfer-encoding : chunked'], WHOLE)),
  byNode(
    'a space before the colon of content-length',
    request({ head: [`content-length : 4`], framed: false }),
  ),
  byNode(
    'an overlong chunk size',
    chunked(['transfer-encoding: chunked'], `FFFFFFFFFFFFFFFFF${CRLF}${SMUGGLED}`),
  ),
  byNode(
    'a chunk size with 0x',
    chunked(['transfer-encoding: chunked'], `0x4${CRLF}abcd${CRLF}${chunk('')}`),
  ),
  byNode(
    'a negative chunk size',
    chunked(['transfer-encoding: chunked'], `-4${CRLF}abcd${CRLF}${chunk('')}`),
  ),
  byNode(
    'a chunk longer than its size',
    chunked(['transfer-encoding: chunked'], `4${CRLF}abcdSMUGGLED${CRLF}`),
  ),
  byNode('chunks ended by a bare LF', chunked(['transfer-encoding: chunked'], `4\nabcd\n0\n\n`)),
  byNode(
    '20 KB of chunk extension',
    chunked(['transfer-encoding: chunked'], `4;${'a'.repeat(20_000)}${CRLF}abcd`),
    413,
  ),
  byMount('a GET with a body', 400, request({ method: 'GET', target: '/v1/models', body: SMUGGLED })),
  byMount(
    'a GET with chunks',
    400,
    chunked(['transfer-encoding: chunked'], chunk(SMUGGLED) + chunk(''), {
      method: 'GET',
      target: '/v1/models',
    }),
  ),
  byMount('a DELETE with a body', 400, request({ method: 'DELETE', target: '/v1/files/f', body: SMUGGLED })),
  ok('a GET with an empty body', request({ method: 'GET', target: '/v1/models', body: '' })),
  {
    name: 'bytes after the last request',
    writes: [request() + SMUGGLED],
    statuses: [400],
    // Node gives up the connection, and the call with it, wherever that is.
    forwarded: [0, 1],
    by: 'node',
  },
  {
    name: 'two requests in one write',
    writes: [request({ close: false }) + request({ target: '/v1/chat/completions' })],
    statuses: [200, 200],
    forwarded: 2,
  },
  {
    name: 'a body that is longer than its content-length',
    writes: [
      request({ close: false, head: ['content-length: 2'], framed: false, body: `{}${SMUGGLED}` }) +
        request(),
    ],
    // The rest is a request of its own, to us as to the caller.
    statuses: [200, 200, 200],
    forwarded: 3,
  },
  {
    name: 'garbage after a request',
    writes: [`${request({ close: false })}GARBAGE\r\n\r\n`],
    statuses: [400],
    forwarded: [0, 1],
    by: 'node',
  },
];

const heads: readonly RawCase[] = [
  byMount('two hosts', 400, request({ head: ['host: evil.example'] })),
  byMount('two equal hosts', 400, request({ head: ['host: localhost'] })),
  byNode('no host', request({ host: null })),
  ok('an empty host', request({ host: '' })),
  byMount(
    'two authorizations',
    400,
    request({ head: ['authorization: Bearer a', 'authorization: Bearer b'] }),
  ),
  byMount('two x-api-keys', 400, request({ head: ['x-api-key: other'] })),
  byMount('two anthropic-versions', 400, request({ head: ['anthropic-version: a', 'anthropic-version: b'] })),
  byMount('two content-types', 400, request({ head: ['content-type: text/plain'] })),
  ok('two anthropic-betas', request({ head: ['anthropic-beta: a', 'anthropic-beta: b'] }), (headers) => {
    return headers.get('anthropic-beta') === 'a, b';
  }),
  ok('__proto__', request({ head: ['__proto__: x', 'constructor: y', 'prototype: z', 'toString: t'] })),
  ok(
    'two of __proto__',
    request({ head: ['__proto__: x', '__proto__: y', 'hasOwnProperty: 1', 'hasOwnProperty: 2'] }),
  ),
  ok(
    'a set-cookie',
    request({ head: ['set-cookie: a=b', 'set-cookie: c=d'] }),
    (headers) => !headers.has('set-cookie'),
  ),
  byNode('an obs-fold', request({ head: ['x-a: 1', ' 2'] })),
  byNode('an obs-fold in transfer-encoding', chunked(['transfer-encoding:', ' chunked'], WHOLE)),
  byNode('lines ended by bare LF', request().replaceAll(CRLF, '\n')),
  byNode('a bare CR in a value', request({ head: ['x-a: 1\rx-b: 2'] })),
  byNode('a bare LF in a value', request({ head: ['x-a: 1\nx-b: 2'] })),
  byNode('a NUL in a value', request({ head: ['x-a: 1\x002'] })),
  byNode('a DEL in a name', request({ head: ['x-\x7f: 1'] })),
  byNode('a space in a name', request({ head: ['x a: 1'] })),
  byNode('an empty name', request({ head: [': 1'] })),
  byNode('a line without a colon', request({ head: ['x-a'] })),
  byNode('a space before the first header', request().replace('host:', ' host:')),
  ok('latin1 in a value', request({ head: ['x-a: caf\xe9'] }), (headers) => headers.get('x-a') === 'caf\xe9'),
  ok(
    'UTF-8 in a value',
    request({ head: ['x-a: \xe5\x90\x8d'] }),
    (headers) => headers.get('x-a') === '\xe5\x90\x8d',
  ),
  ok('encoded CRLF in a value', request({ head: ['x-a: a%0d%0ax-b: b'] }), (headers) => !headers.has('x-b')),
  byNode('16 KB of header', request({ head: [`x-a: ${'a'.repeat(16_384)}`] }), 431),
  byNode(
    '17 KB of headers',
    request({ head: Array.from({ length: 170 }, (_, i) => `x-${i}: ${'a'.repeat(100)}`) }),
    431,
  ),
  ok(
    '400 headers',
    request({ head: Array.from({ length: 400 }, (_, i) => `x-${i}: 1`) }),
    (headers) => headers.size > 400,
  ),
  ok(
    'connection names credentials',
    request({ close: false, head: ['connection: close, x-api-key'] }),
    (headers) => {
      return headers.get('x-api-key') === 'key';
    },
  ),
  ok(
    'connection names a header',
    request({ close: false, head: ['connection: close, x-a', 'x-a: 1'] }),
    (headers) => {
      return !headers.has('x-a');
    },
  ),
  ok(
    'hop-by-hop headers',
    request({ head: ['te: trailers', 'keep-alive: 5', 'proxy-authorization: a', 'cookie: a'] }),
  ),
  ok(
    'an upgrade to h2c',
    request({
      close: false,
      head: ['connection: upgrade, http2-settings, close', 'upgrade: h2c', 'http2-settings: a'],
    }),
  ),
  { ...ok('expect', request({ head: ['expect: 100-continue'] })), statuses: [100, 200] },
  byNode('another expectation', request({ head: ['expect: tea'] }), 417),
  byMount('a content-encoding', 415, request({ head: ['content-encoding: gzip'] })),
  byMount(
    'two content-encodings',
    400,
    request({ head: ['content-encoding: identity', 'content-encoding: gzip'] }),
  ),
  ok('content-encoding identity', request({ head: ['content-encoding: identity'] })),
];

const lines: readonly RawCase[] = [
  ok('an empty line first', CRLF + request()),
  ok('HTTP/1.0', request({ version: '1.0' })),
  ok('HTTP/1.0 without a host', request({ version: '1.0', host: null })),
  byMount('HTTP/1.0 with chunks', 400, chunked(['transfer-encoding: chunked'], WHOLE, { version: '1.0' })),
  { ...byMount('HTTP/0.9', 400, 'GET /v1/models\r\n\r\n'), dialect: 'openai' },
  byNode('HTTP/1.2', request({ version: '1.2' })),
  byNode('the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  byNode('TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'),
  byNode('a method in lower case', request().replace('POST', 'post')),
  byNode('a method nobody knows', request().replace('POST', 'TEA')),
  { ...byNode('CONNECT', request({ method: 'CONNECT', target: 'evil.example:443' })), statuses: [] },
  byNode('a space in the target', request({ target: '/v1/messages /x' })),
  byNode('a NUL in the target', request({ target: '/v1/messages\x00' })),
  byNode('UTF-8 in the target', request({ target: '/v1/m\xc3\xa9ssages' })),
  byMount('absolute form', 404, request({ target: 'http://evil.example/v1/messages' })),
  byMount('absolute form of https', 404, request({ target: 'https://evil.example/v1/messages' })),
  byMount('the asterisk', 404, request({ method: 'OPTIONS', target: '*' })),
  byMount('two slashes', 404, request({ target: '//evil.example/v1/messages' })),
  byMount('a backslash', 404, request({ target: '/\\evil.example' })),
  byMount('dots that climb', 404, request({ target: '/v1/../admin' })),
  byMount('dots that climb and come back', 404, request({ target: '/v1/../v1/messages' })),
  byMount('encoded dots', 404, request({ target: '/v1/%2e%2e/admin' })),
  byMount('an encoded slash', 404, request({ target: '/v1%2fmessages' })),
  byMount('an encoded letter', 404, request({ target: '/v1/%6dessages' })),
  byMount('an encoded NUL', 404, request({ target: '/v1/messages%00' })),
  byMount('a fragment', 404, request({ target: '/v1/messages#a' })),
  byMount('a slash at the end', 404, request({ target: '/v1/messages/' })),
  byMount('another case', 404, request({ target: '/V1/Messages' })),
  byMount('no such route', 404, request({ target: '/admin' })),
  byMount('a GET where it is a POST', 405, request({ method: 'GET' })),
  byMount('TRACE', 405, request({ method: 'TRACE' })),
  byMount(
    'a preflight',
    405,
    request({ method: 'OPTIONS', head: ['origin: https://a', 'access-control-request-method: POST'] }),
  ),
  ok('a query', request({ target: '/v1/messages?beta=true&x=%2e%2e%2f&y=//evil.example' })),
];

/** S-02 and S-04: every way to say a request that two parsers might read differently. */
export const RAW_CASES: readonly RawCase[] = [...framing, ...heads, ...lines];
