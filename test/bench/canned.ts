export type Mode = 'json' | 'sse';

/** How many events one canned stream has. */
export const EVENTS_PER_STREAM = 50;

/** How many of them come before the first words. */
const PREAMBLE_EVENTS = 3;

/** One canned call: what the client sends and what the upstream answers, byte for byte. */
export interface Exchange {
  readonly mode: Mode;
  readonly requestBody: Buffer;
  /** The answer as it goes on the wire, one socket write each. */
  readonly writes: readonly Buffer[];
  /** How many bytes of the answer's body are out after each of the writes. */
  readonly bodyBytesAfterWrite: readonly number[];
  readonly body: Buffer;
  /** What the model says in it. */
  readonly text: string;
}

/**
 * Says which of the calls in flight a request belongs to; every proxy hands it on like any other header. A stream that
 * was asked for without it comes at a pace of its own.
 */
export const SLOT_HEADER = 'x-bench-slot';

const PROMPT =
  'A sluice is a water channel controlled at its head by a gate. Explain to a new colleague how such a gate ' +
  'regulates the flow, what goes wrong when it is opened too fast, and how the keeper notices in time. ';

const SENTENCE =
  'The gate is raised a hand at a time, so that the channel below fills before the next lift. When it is raised ' +
  'too fast, the water scours the bed and carries the gravel with it. ';

function messagesBody(stream: boolean): Buffer {
  const fields = {
    model: 'claude-opus-5-5',
    max_tokens: 1024,
    temperature: 0.2,
    system: 'You are a patient teacher. Answer in plain words, in three short paragraphs at the most.',
    messages: [
      { role: 'user', content: PROMPT },
      { role: 'assistant', content: SENTENCE },
      { role: 'user', content: [{ type: 'text', text: `Now say it again for a child of six. ${PROMPT}` }] },
    ],
    metadata: { user_id: 'bench' },
  };
  return Buffer.from(JSON.stringify(stream ? { ...fields, stream: true } : fields));
}

/** The request as the official TypeScript SDK sends it, head and body, with some headers more. */
export function requestBytes(
  exchange: Exchange,
  port: number,
  headers: Readonly<Record<string, string>>,
): Buffer {
  const head = [
    'POST /v1/messages HTTP/1.1',
    `host: 127.0.0.1:${port}`,
    'connection: keep-alive',
    'accept: application/json',
    'content-type: application/json',
    'user-agent: Anthropic/JS 1.12.0',
    'x-stainless-retry-count: 0',
    'x-stainless-timeout: 600',
    'x-stainless-lang: js',
    'x-stainless-package-version: 1.12.0',
    'x-stainless-os: Linux',
    'x-stainless-arch: x64',
    'x-stainless-runtime: node',
    'x-stainless-runtime-version: v24.21.0',
    'anthropic-version: 2023-06-01',
    `authorization: Bearer not-a-key-${'0'.repeat(92)}`,
    'accept-language: *',
    'sec-fetch-mode: cors',
    'accept-encoding: gzip, deflate',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    `content-length: ${exchange.requestBody.length}`,
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), exchange.requestBody]);
}

/** The head of an answer as api.anthropic.com sends it. */
function answerHead(contentType: string, framing: string): string {
  const head = [
    'HTTP/1.1 200 OK',
    'Date: Mon, 03 Nov 2025 10:00:00 GMT',
    `Content-Type: ${contentType}`,
    framing,
    'Connection: keep-alive',
    'Cache-Control: no-cache',
    'anthropic-ratelimit-requests-limit: 4000',
    'anthropic-ratelimit-requests-remaining: 3999',
    'anthropic-ratelimit-requests-reset: 2025-11-03T10:00:00Z',
    'anthropic-ratelimit-tokens-limit: 2400000',
    'anthropic-ratelimit-tokens-remaining: 2399000',
    'anthropic-ratelimit-tokens-reset: 2025-11-03T10:00:00Z',
    'request-id: req_011CUkYv9JkQ3mW5xZ7rT2bN',
    'anthropic-organization-id: 00000000-0000-4000-8000-000000000000',
    'strict-transport-security: max-age=31536000; includeSubDomains; preload',
    'via: 1.1 google',
    'cf-cache-status: DYNAMIC',
    'X-Robots-Tag: none',
    'Server: cloudflare',
    'CF-RAY: 998877665544aabb-FRA',
  ];
  return `${head.join('\r\n')}\r\n\r\n`;
}

/** How long the text of a whole answer is: as long as one of some 160 tokens, unless `SLUICE_ANSWER_BYTES` says. */
const ANSWER_BYTES = Number(process.env['SLUICE_ANSWER_BYTES'] ?? 700);

function jsonExchange(): Exchange {
  const text = SENTENCE.repeat(Math.ceil(ANSWER_BYTES / SENTENCE.length)).trim();
  const body = Buffer.from(
    JSON.stringify({
      id: 'msg_01BenchBenchBenchBenchBe',
      type: 'message',
      role: 'assistant',
      model: 'claude-opus-5-5',
      content: [{ type: 'text', text }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: {
        input_tokens: 187,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 0,
        output_tokens: 161,
        service_tier: 'standard',
      },
    }),
  );
  const head = Buffer.from(answerHead('application/json', `Content-Length: ${body.length}`), 'latin1');
  return {
    mode: 'json',
    requestBody: messagesBody(false),
    writes: [Buffer.concat([head, body])],
    bodyBytesAfterWrite: [body.length],
    body,
    text,
  };
}

interface CannedStream {
  readonly events: readonly Buffer[];
  readonly text: string;
}

function cannedStream(): CannedStream {
  const message = {
    id: 'msg_01BenchBenchBenchBenchBe',
    type: 'message',
    role: 'assistant',
    model: 'claude-opus-5-5',
    content: [],
    usage: { input_tokens: 187, output_tokens: 1 },
  };
  const data: ({ readonly type: string } & Readonly<Record<string, unknown>>)[] = [
    { type: 'message_start', message },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'ping' },
  ];
  const words = SENTENCE.split(' ');
  let all = '';
  // The last three close the stream.
  for (let index = data.length; index < EVENTS_PER_STREAM - 3; index += 1) {
    const text = ` ${words[index % words.length]} ${words[(index + 1) % words.length]}`;
    all += text;
    data.push({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } });
  }
  const delta = { stop_reason: 'end_turn', stop_sequence: null };
  data.push(
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta, usage: { output_tokens: 161 } },
    { type: 'message_stop' },
  );
  const events = data.map((event) => Buffer.from(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`));
  return { events, text: all };
}

/**
 * Each event is a chunk and a write of its own, except that the head, the preamble and the first words go out together:
 * that is how they come from a real upstream, and plugins may hold the preamble back until the first words.
 */
function sseExchange(): Exchange {
  const { events, text } = cannedStream();
  const head = answerHead('text/event-stream; charset=utf-8', 'Transfer-Encoding: chunked');
  const chunks = events.map((event) => `${event.length.toString(16)}\r\n${event.toString()}\r\n`);
  const together = PREAMBLE_EVENTS + 1;
  const first = `${head}${chunks.slice(0, together).join('')}`;
  const last = `${chunks.at(-1)}0\r\n\r\n`;
  const bodyBytes = events.map((_, index) => Buffer.concat(events.slice(0, index + 1)).length);
  return {
    mode: 'sse',
    requestBody: messagesBody(true),
    writes: [first, ...chunks.slice(together, -1), last].map((write) => Buffer.from(write)),
    bodyBytesAfterWrite: bodyBytes.slice(together - 1),
    body: Buffer.concat(events),
    text,
  };
}

export const EXCHANGES: Readonly<Record<Mode, Exchange>> = { json: jsonExchange(), sse: sseExchange() };
