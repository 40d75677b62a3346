import {
  anthropicMessage,
  anthropicStream,
  type Dialect,
  errorBody,
  errorEvent,
  openaiChat,
  openaiChatStream,
  openaiResponses,
  openaiResponsesStream,
} from '@sluice/core/testing';
import { type Exchange, oddJson } from './recorded.ts';

const PATHS: Readonly<Record<Dialect, string>> = {
  'anthropic-messages': '/v1/messages',
  'openai-chat': '/v1/chat/completions',
  'openai-responses': '/v1/responses',
};
const DIALECTS = Object.keys(PATHS) as Dialect[];

/** Characters of two, three and four bytes, and what JSON escapes. */
const WORDS = '人工智能 — naïve “quotes” 🦢👩‍👩‍👧 and \\n \u2028 \u0000 pelican ';
const TOOL = { name: 'get_weather', input: { 城市: '北京', unit: '°C' } };
const OPENAI_TOOLS = [{ name: TOOL.name, arguments: TOOL.input }, { name: 'no_arguments' }];

/** Headers as a provider and its CDN send them. */
const HEADERS: Readonly<Record<string, string>> = {
  'request-id': 'req_011Synthetic',
  'anthropic-ratelimit-requests-remaining': '3999',
  'anthropic-ratelimit-tokens-reset': '2026-11-23T12:00:00Z',
  'x-ratelimit-reset-tokens': '6m0s',
  'x-a-header-of-tomorrow': 'kept; too=1, "quoted"',
  'set-cookie': '__cf_bm=1; HttpOnly',
  'alt-svc': 'h3=":443"; ma=86400',
  'strict-transport-security': 'max-age=31536000',
  server: 'cloudflare',
  'cf-ray': '8f0-FRA',
  'cf-cache-status': 'DYNAMIC',
  via: '1.1 google',
};

interface Parts {
  readonly method?: string;
  readonly path?: string;
  readonly type?: string;
  readonly sent?: Buffer | null;
  readonly sentType?: string;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

function exchange(name: string, body: string | Buffer, parts: Parts = {}): Exchange {
  const { method = 'POST', path = '/v1/messages', type = 'application/json', status = 200 } = parts;
  const sent =
    parts.sent === undefined ? oddJson({ model: 'claude-opus-5-5', messages: [], 问: WORDS }) : parts.sent;
  return {
    name,
    request: {
      method,
      path,
      headers: {
        ...(sent === null ? {} : { 'content-type': parts.sentType ?? 'application/json' }),
        'x-api-key': 'sk-ant-synthetic',
        'anthropic-version': '2026-10-21',
        'anthropic-beta': 'one-2026-01-01,two-2026-02-02',
      },
      body: sent,
    },
    response: {
      status,
      headers: { 'content-type': type, ...HEADERS, ...parts.headers },
      body: Buffer.from(body),
    },
  };
}

function stream(name: string, body: string | Buffer, dialect: Dialect = 'anthropic-messages'): Exchange {
  return exchange(name, body, {
    path: PATHS[dialect],
    type: 'text/event-stream; charset=utf-8',
    sent: oddJson({ model: 'm', stream: true, messages: [{ role: 'user', content: WORDS }] }),
    headers: { 'cache-control': 'no-cache' },
  });
}

const ANTHROPIC = anthropicStream({
  content: [
    { type: 'thinking', thinking: WORDS, signature: 'EqoBCkgIARABGAIiQGZha2U+/==' },
    { type: 'redacted_thinking', data: 'EmwKAhgB' },
    { type: 'text', text: WORDS },
    { type: 'tool_use', ...TOOL },
    { type: 'tool_use', name: 'no_arguments' },
  ],
});
const all = ANTHROPIC.join('');
const from = (event: number): string => ANTHROPIC.slice(event).join('');

/** Answers in every dialect, and what is legal and seldom seen. */
export function synthetic(): Exchange[] {
  return [
    exchange('a message', anthropicMessage({ text: WORDS })),
    exchange('a completion', openaiChat({ choices: [{ text: WORDS }, { toolCalls: OPENAI_TOOLS }] }), {
      path: PATHS['openai-chat'],
    }),
    exchange('a response', openaiResponses({ text: WORDS, toolCalls: OPENAI_TOOLS }), {
      path: PATHS['openai-responses'],
    }),
    stream('a streamed message', all),
    stream(
      'a streamed completion',
      openaiChatStream({ text: WORDS, n: 3, includeUsage: true }).join(''),
      'openai-chat',
    ),
    stream('streamed tool calls', openaiChatStream({ toolCalls: OPENAI_TOOLS }).join(''), 'openai-chat'),
    stream('a streamed response', openaiResponsesStream({ text: WORDS }).join(''), 'openai-responses'),
    ...DIALECTS.flatMap((dialect) =>
      [400, 401, 403, 404, 409, 413, 429, 500, 503, 529].map((status) =>
        exchange(`${status} of ${dialect}`, errorBody(dialect, status), {
          path: PATHS[dialect],
          status,
          headers: { 'retry-after': '7', 'retry-after-ms': '6500', 'x-should-retry': 'true' },
        }),
      ),
    ),
    ...DIALECTS.map((dialect) => stream(`an error event of ${dialect}`, errorEvent(dialect, 529), dialect)),
    stream('CRLF line ends', all.replaceAll('\n', '\r\n')),
    stream('CR line ends', all.replaceAll('\n', '\r')),
    stream('a byte order mark', `\uFEFF${all}`),
    stream('comments', `: hello\n\n${all.replaceAll('\n\n', '\n: keep-alive\n\n:\n\n')}`),
    stream('fields nobody knows', all.replaceAll('event: ', 'id: 1\nretry: 10\nfuture: x\nevent: ')),
    stream('no space after the colon', all.replaceAll(/^(event|data): /gm, '$1:')),
    stream(
      'unknown events',
      `${ANTHROPIC[0] ?? ''}event: of_tomorrow\ndata: {"type":"of_tomorrow"}\n\n${from(1)}`,
    ),
    stream('no blank line at the end', all.slice(0, -1)),
    stream(
      'pings without end',
      `${ANTHROPIC[0] ?? ''}${'event: ping\ndata: {"type": "ping"}\n\n'.repeat(200)}${from(1)}`,
    ),
    stream(
      'bytes that are no UTF-8',
      Buffer.concat([Buffer.from(from(0)), Buffer.from([0x3a, 0xff, 0xe4, 0x0a, 0x0a])]),
    ),
    exchange('a gateway’s page', '<html>502 Bad Gateway</html>\n', { type: 'text/html', status: 502 }),
    exchange('an empty error', '', { status: 500 }),
    exchange('a list of models', '{ "data": [ ], "has_more":false }', {
      method: 'GET',
      path: '/v1/models?limit=1000',
      sent: null,
    }),
    exchange('a deletion', '{"id":"file_1","type":"file_deleted"}', {
      method: 'DELETE',
      path: '/v1/files/file_1',
      sent: null,
    }),
    exchange('no content', '', { method: 'DELETE', path: '/v1/responses/resp_1', sent: null, status: 204 }),
    exchange('JSON lines', '{"custom_id":"a"}\n{"custom_id":"b"}\n', {
      method: 'GET',
      path: '/v1/messages/batches/msgbatch_1/results',
      type: 'application/x-jsonl',
      sent: null,
    }),
    exchange('a file', everyByte(), {
      method: 'GET',
      path: '/v1/files/file_1/content',
      type: 'application/octet-stream',
      sent: null,
    }),
    exchange('an upload', '{"id":"file_1"}', {
      path: '/v1/files?beta=true',
      sentType: 'multipart/form-data; boundary="odd boundary"',
      sent: Buffer.concat([
        Buffer.from(
          '--odd boundary\r\ncontent-disposition: form-data; name="file"; filename="鹈鹕.bin"\r\n\r\n',
        ),
        everyByte(),
        Buffer.from('\r\n--odd boundary--\r\n'),
      ]),
    }),
  ];
}

function everyByte(): Buffer {
  return Buffer.from(Array.from({ length: 2_560 }, (_, i) => i & 255));
}
