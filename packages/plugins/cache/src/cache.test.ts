import {
  CACHE_STATUS,
  createPipeline,
  definePlugin,
  type Plugin,
  PipelineError,
  PRINCIPAL,
  SseEvent,
  transformStream,
  VERDICTS,
} from '@sluice/core';
import {
  anthropicMessage,
  anthropicStream,
  errorBody,
  errorEvent,
  openaiChat,
  openaiResponses,
  type ScriptedAnswer,
  streamAnswer,
  type TestPipeline,
  testPipeline,
  type TestPipelineOptions,
} from '@sluice/core/testing';
import { describe, expect, test } from 'vitest';
import { cache, cacheHandle, type CacheOptions } from './index.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const dialect = 'anthropic-messages';
const json = (text: string, headers: Record<string, string> = {}): Response =>
  new Response(text, { headers: { ...JSON_TYPE, ...headers } });
const good = (text = 'Hello!'): Response => json(anthropicMessage({ text }));
const bad = (status: number): Response =>
  new Response(errorBody(dialect, status), { status, headers: JSON_TYPE });
const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });

/** Sets the principal, as identity would, and notes what the cache did. */
function outer(statuses: unknown[], who?: { id: string; tenant?: string }): Plugin {
  return definePlugin({
    name: 'identity',
    create: () => ({
      handle: async (request, next, ctx) => {
        const named = request.headers['x-tenant'];
        const principal = named === undefined ? who : { id: 'someone', tenant: named };
        if (principal !== undefined) ctx.state.set(PRINCIPAL, principal);
        try {
          return await next(request);
        } finally {
          statuses.push(ctx.state.get(CACHE_STATUS));
        }
      },
    }),
  })();
}

interface CachedPipeline extends TestPipeline {
  readonly statuses: unknown[];
  ask(fields?: Readonly<Record<string, unknown>>, headers?: Record<string, string>): Promise<string>;
}

function caching(
  answers: readonly ScriptedAnswer[],
  options: CacheOptions = {},
  { plugins = [], ...others }: TestPipelineOptions = {},
): CachedPipeline {
  const statuses: unknown[] = [];
  const pipe = testPipeline({ answers, plugins: [outer(statuses), cache(options), ...plugins], ...others });
  return Object.assign(pipe, {
    statuses,
    ask: async (fields?: Readonly<Record<string, unknown>>, headers: Record<string, string> = {}) =>
      (await pipe.post(fields, { headers: { ...JSON_TYPE, ...headers } })).text(),
  });
}

describe('the same request', () => {
  test('is answered from the store, byte by byte, and nothing is sent', async () => {
    const padded = `{ "type":"message",  "content": [{"type":"text","text":"Hi"}] }\n`;
    await using pipe = caching([json(padded)]);
    expect(await pipe.ask()).toBe(padded);
    expect(await pipe.ask()).toBe(padded);
    expect(pipe.transport.requests).toHaveLength(1);
    expect(pipe.statuses).toEqual(['miss', 'hit']);
    expect(pipe.outcomes).toMatchObject([
      { kind: 'completed', attempts: 1 },
      { kind: 'completed', attempts: 0 },
    ]);
  });

  test('as a stream is answered by the same stream', async () => {
    const events = anthropicStream({ text: 'One two three' });
    await using pipe = caching([streamAnswer(events), good()]);
    expect(await pipe.ask({ stream: true })).toBe(events.join(''));
    const again = await pipe.post({ stream: true });
    expect(again.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(await again.text()).toBe(events.join(''));
    expect(pipe.outcomes).toMatchObject([
      { kind: 'completed' },
      { kind: 'completed', usage: { outputTokens: expect.any(Number) as number } },
    ]);
    // What is not streamed is another answer.
    expect(await pipe.ask()).toBe(anthropicMessage());
    expect(pipe.transport.requests).toHaveLength(2);
  });

  test('does not wait for the whole stream the first time', async () => {
    let arrive: (text: string) => void = () => undefined;
    const last = new Promise<string>((resolve) => (arrive = resolve));
    const events = anthropicStream({ text: 'One' });
    await using pipe = caching([streamAnswer([...events.slice(0, -1), last])]);
    const reader = (await pipe.post({ stream: true })).body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe(events[0]);
    arrive(events.at(-1) as string);
    while ((await reader?.read())?.done === false);
    await pipe.ask({ stream: true });
    expect(pipe.transport.requests).toHaveLength(1);
  });

  test('of another tenant is another request', async () => {
    await using pipe = caching([good('for a'), good('for b')]);
    expect(await pipe.ask({}, { 'x-tenant': 'a' })).toContain('for a');
    expect(await pipe.ask({}, { 'x-tenant': 'b' })).toContain('for b');
    expect(await pipe.ask({}, { 'x-tenant': 'a' })).toContain('for a');
  });

  test('with another credential is another request, where nobody says who calls', async () => {
    await using pipe = caching([good('one'), good('two'), good('none')]);
    expect(await pipe.ask({}, { 'x-api-key': 'key-1' })).toContain('one');
    expect(await pipe.ask({}, { 'x-api-key': 'key-2' })).toContain('two');
    expect(await pipe.ask()).toContain('none');
    expect(await pipe.ask({}, { 'x-api-key': 'key-1' })).toContain('one');
  });

  test.each<[string, object, Record<string, string>]>([
    ['metadata', { metadata: { user_id: 'u' } }, {}],
    ['what a prompt cache shall keep', { cache_control: { type: 'ephemeral' } }, {}],
    ['the order of beta flags', {}, { 'anthropic-beta': 'b, a' }],
    ['who the client is', {}, { 'user-agent': 'x', 'x-stainless-retry-count': '1' }],
  ])('does not differ by %s', async (_, fields, headers) => {
    await using pipe = caching([good()]);
    await pipe.ask({}, headers['anthropic-beta'] === undefined ? {} : { 'anthropic-beta': 'a,b' });
    await pipe.ask(fields as Record<string, unknown>, headers);
    expect(pipe.statuses).toEqual(['miss', 'hit']);
  });

  test.each<[string, object, Record<string, string>]>([
    ['temperature', { temperature: 0.5 }, {}],
    ['a field nobody knows', { of_tomorrow: 1 }, {}],
    ['the residency', { inference_geo: 'eu' }, {}],
    ['the version', {}, { 'anthropic-version': '2026-10-21' }],
    ['a beta flag', {}, { 'anthropic-beta': 'a' }],
  ])('differs by %s', async (_, fields, headers) => {
    await using pipe = caching([good(), good()]);
    await pipe.ask();
    await pipe.ask(fields as Record<string, unknown>, headers);
    expect(pipe.statuses).toEqual(['miss', 'miss']);
  });
});

describe('is not stored', () => {
  const stream = anthropicStream({ text: 'One two' });
  test.each<[string, () => ScriptedAnswer, object]>([
    ['an error', () => bad(500), {}],
    ['an error about the request', () => bad(400), {}],
    ['a lost connection', () => reset, {}],
    ['a cut stream', () => streamAnswer(stream.slice(0, -1)), { stream: true }],
    ['a reset stream', () => streamAnswer([...stream.slice(0, 5), reset]), { stream: true }],
    [
      'a stream with an error event',
      () => streamAnswer([...stream.slice(0, 5), errorEvent(dialect, 529)]),
      { stream: true },
    ],
    ['a cut answer', () => json(anthropicMessage().slice(0, -5)), {}],
    ['a refusal', () => json(anthropicMessage({ stopReason: 'refusal' })), {}],
    ['a streamed refusal', () => streamAnswer(anthropicStream({ stopReason: 'refusal' })), { stream: true }],
    ['an interrupted turn', () => json(anthropicMessage({ stopReason: 'pause_turn' })), {}],
    ['a tool call', () => json(anthropicMessage({ content: [{ type: 'tool_use', name: 't' }] })), {}],
    [
      'a streamed tool call',
      () => streamAnswer(anthropicStream({ content: [{ type: 'tool_use', name: 't' }] })),
      { stream: true },
    ],
    ['a stream that nobody asked for', () => streamAnswer(stream), {}],
    ['an answer that is no stream', () => good(), { stream: true }],
    ['what is too large', () => good('x'.repeat(4_000)), {}],
    [
      'a stream that is too large',
      () => streamAnswer(anthropicStream({ text: 'x '.repeat(400) })),
      { stream: true },
    ],
  ])('%s', async (_, answer, fields) => {
    await using pipe = caching([answer(), answer()], { maxEntryBytes: 3_000 });
    const call = fields as Record<string, unknown>;
    const withoutId = (text: string): string => text.replaceAll(/"request_id":"[^"]*"/g, '');
    expect(withoutId(await pipe.ask(call))).toBe(withoutId(await pipe.ask(call)));
    expect(pipe.transport.requests).toHaveLength(2);
    expect(pipe.statuses).toEqual(['miss', 'miss']);
  });
});

describe('a request', () => {
  const body = (fields: object, options: CacheOptions = {}, which: TestPipelineOptions = {}) =>
    [fields, options, which] as const;

  test.each<[string, ...ReturnType<typeof body>]>([
    ['with a server tool', ...body({ tools: [{ type: 'web_search_20250305', name: 'web_search' }] })],
    ['with an MCP server', ...body({ mcp_servers: [{ type: 'url', url: 'https://mcp.test' }] })],
    ['in a container', ...body({ container: 'container_1' })],
    ['in a thread', ...body({ thread: 'thread_1' })],
    ['that only fills the prompt cache', ...body({ max_tokens: 0 })],
    [
      'with a file by its id',
      ...body({
        messages: [{ role: 'user', content: [{ type: 'document', source: { type: 'file', file_id: 'f' } }] }],
      }),
    ],
    [
      'with a picture by its address',
      ...body({
        messages: [
          { role: 'user', content: [{ type: 'image', source: { type: 'url', url: 'https://a.test' } }] },
        ],
      }),
    ],
  ])('%s is not stored', async (_, fields) => {
    await using pipe = caching([good(), good()]);
    await pipe.ask({ ...fields });
    await pipe.ask({ ...fields });
    expect(pipe.statuses).toEqual(['bypass', 'bypass']);
  });

  test.each<[string, object, object]>([
    ['a stored completion', { store: true }, {}],
    ['a search', { web_search_options: {} }, {}],
    [
      'a picture by its address',
      {
        messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://a.test' } }] }],
      },
      {},
    ],
  ])('for %s is not stored, in Chat Completions', async (_, fields) => {
    await using pipe = caching([json(openaiChat()), json(openaiChat())], {}, { dialect: 'openai-chat' });
    await pipe.ask({ ...fields });
    await pipe.ask({ ...fields });
    expect(pipe.statuses).toEqual(['bypass', 'bypass']);
  });

  test.each<[string, object]>([
    ['to go on from another', { previous_response_id: 'resp_1' }],
    ['in a conversation', { conversation: 'conv_1' }],
    ['in the background', { background: true }],
    ['with a server tool', { tools: [{ type: 'file_search', vector_store_ids: ['v'] }] }],
    ['with a file by its id', { input: [{ role: 'user', content: [{ type: 'input_file', file_id: 'f' }] }] }],
  ])('%s is not stored, in Responses', async (_, fields) => {
    await using pipe = caching(
      [json(openaiResponses()), json(openaiResponses())],
      {},
      { dialect: 'openai-responses' },
    );
    await pipe.ask({ ...fields });
    await pipe.ask({ ...fields });
    expect(pipe.statuses).toEqual(['bypass', 'bypass']);
  });

  test('is stored in the other dialects too', async () => {
    for (const [dialect, answer] of [
      ['openai-chat', openaiChat()],
      ['openai-responses', openaiResponses()],
    ] as const) {
      await using pipe = caching([json(answer)], {}, { dialect });
      await pipe.ask({ tools: [{ type: 'function', function: { name: 'f' }, name: 'f' }] });
      expect(await pipe.ask({ tools: [{ type: 'function', function: { name: 'f' }, name: 'f' }] })).toBe(
        answer,
      );
    }
  });

  test('that may be impure, and whose tool calls may be stored, is when that is asked for', async () => {
    const call = anthropicMessage({ content: [{ type: 'tool_use', name: 't' }] });
    await using pipe = caching([json(call)], { allow: ['server-tools'], toolCalls: true });
    const fields = { tools: [{ type: 'web_search_20250305', name: 'web_search' }] };
    await pipe.ask(fields);
    expect(await pipe.ask(fields)).toBe(call);
  });

  const file = { file_id: 'f' };
  const webSearch = { type: 'web_search_20250305', name: 'web_search' };
  const byUrl = { type: 'image', source: { type: 'url', url: 'https://a.test' } };
  const picture = { type: 'image_url', image_url: { url: 'https://a.test' } };
  test.each<[TestPipelineOptions['dialect'] & string, CacheOptions['allow'] & object, object]>([
    [
      'anthropic-messages',
      ['server-tools'],
      { tools: [webSearch], messages: [{ role: 'user', content: [{ type: 'document', source: file }] }] },
    ],
    ['anthropic-messages', ['server-tools'], { tools: [webSearch], container: 'container_1' }],
    ['anthropic-messages', ['state'], { container: 'c', messages: [{ role: 'user', content: [byUrl] }] }],
    [
      'anthropic-messages',
      ['files'],
      { messages: [{ role: 'user', content: [{ type: 'document', source: file }, byUrl] }] },
    ],
    ['openai-chat', ['state'], { store: true, web_search_options: {} }],
    [
      'openai-chat',
      ['server-tools'],
      { web_search_options: {}, messages: [{ role: 'user', content: [picture] }] },
    ],
    ['openai-responses', ['state'], { store: true, tools: [{ type: 'file_search' }] }],
    [
      'openai-responses',
      ['server-tools'],
      {
        tools: [{ type: 'file_search' }],
        input: [{ role: 'user', content: [{ type: 'input_file', ...file }] }],
      },
    ],
  ])('in %s that may be impure by %j may not by something else', async (dialect, allow, fields) => {
    await using pipe = caching([json('{}'), json('{}')], { allow }, { dialect });
    await pipe.ask({ ...fields });
    await pipe.ask({ ...fields });
    expect(pipe.statuses).toEqual(['bypass', 'bypass']);
  });

  test('that names a key twice, or is no JSON, is left to the upstream', async () => {
    await using pipe = caching([good(), good(), good()]);
    const twice = '{"model":"m","messages":[{"role":"user","content":"a","content":"b"}]}';
    for (const text of [twice, twice, '[1]']) {
      await (await pipe.post({}, { body: text })).text();
    }
    expect(pipe.statuses).toEqual(['bypass', 'bypass', 'bypass']);
  });

  test('with numbers beyond what can be told apart is compared by its bytes', async () => {
    await using pipe = caching([good('one'), good('two')]);
    const ask = async (n: string): Promise<string> =>
      (
        await pipe.post({}, { body: `{"model":"m","messages":[{"role":"user","content":"a","n":${n}}]}` })
      ).text();
    expect(await ask('12345678901234567891')).toContain('one');
    expect(await ask('12345678901234567892')).toContain('two');
    expect(await ask('12345678901234567891')).toContain('one');
  });

  test('that is no completion passes', async () => {
    await using pipe = caching([json('{}'), json('{}')]);
    for (let i = 0; i < 2; i++) await (await pipe.pipeline.fetch('https://caller.test/v1/models')).text();
    expect(pipe.statuses).toEqual(['bypass', 'bypass']);
  });
});

describe('a caller may ask', () => {
  test('for nothing to be kept', async () => {
    await using pipe = caching([good(), good()]);
    await pipe.ask({}, { 'cache-control': 'no-store' });
    await pipe.ask();
    expect(pipe.statuses).toEqual(['bypass', 'miss']);
  });

  test('for a new answer, which the others then get', async () => {
    await using pipe = caching([good('old'), good('new')]);
    expect(await pipe.ask()).toContain('old');
    expect(await pipe.ask({}, { 'Cache-Control': 'No-Cache' })).toContain('new');
    expect(await pipe.ask()).toContain('new');
  });

  test('for nothing older than so many seconds', async () => {
    await using pipe = caching([good('old'), good('new')]);
    await pipe.ask();
    await pipe.clock.advance(5_000);
    expect(await pipe.ask({}, { 'cache-control': 'max-age=5' })).toContain('old');
    await pipe.clock.advance(1);
    expect(await pipe.ask({}, { 'cache-control': 'max-age="5", max-age=600' })).toContain('new');
  });

  test('for a stored answer or none', async () => {
    await using pipe = caching([good()]);
    const refused = await pipe.post({}, { headers: { 'cache-control': 'only-if-cached' } });
    expect(refused.status).toBe(504);
    expect(refused.headers.get('x-should-retry')).toBe('false');
    await refused.text();
    await pipe.ask();
    expect(await pipe.ask({}, { 'cache-control': 'only-if-cached' })).toBe(anthropicMessage());
    expect(pipe.outcomes).toMatchObject([{ kind: 'refused', attempts: 0 }, {}, { kind: 'completed' }]);
  });
});

describe('time', () => {
  test('makes an answer stale, within a tenth of ttlMs', async () => {
    await using pipe = caching([good('old'), good('new')], { ttlMs: 10_000 });
    await pipe.ask();
    await pipe.clock.advance(9_000);
    expect(await pipe.ask()).toContain('old');
    await pipe.clock.advance(2_000);
    expect(await pipe.ask()).toContain('new');
  });

  test('lets a stale answer out while one call in the background fetches another', async () => {
    const late = Promise.withResolvers<Response>();
    await using pipe = caching([good('old'), () => late.promise], {
      ttlMs: 10_000,
      staleWhileRevalidateMs: 60_000,
    });
    await pipe.ask();
    await pipe.clock.advance(11_000);
    expect(await pipe.ask()).toContain('old');
    expect(await pipe.ask()).toContain('old');
    expect(pipe.transport.requests).toHaveLength(2);
    late.resolve(good('new'));
    await pipe.clock.advance(0);
    expect(await pipe.ask()).toContain('new');
    expect(pipe.statuses).toEqual(['miss', 'stale', 'stale', 'hit']);
    expect(pipe.clock.pendingTimers).toBe(0);
  });

  test.each([true, false])('fetches one in the background, singleFlight %s', async (singleFlight) => {
    const late = Promise.withResolvers<Response>();
    await using pipe = caching([good('old'), () => late.promise, good('newer')], {
      ttlMs: 10_000,
      staleWhileRevalidateMs: 60_000,
      singleFlight,
    });
    await pipe.ask();
    await pipe.clock.advance(12_000);
    for (let i = 0; i < 30; i++) expect(await pipe.ask()).toContain('old');
    expect(pipe.transport.requests).toHaveLength(2);
    late.resolve(good('new'));
    await pipe.clock.advance(0);
    expect(await pipe.ask()).toContain('new');
    // The next time another one does.
    await pipe.clock.advance(12_000);
    expect(await pipe.ask()).toContain('new');
    await pipe.clock.advance(0);
    expect(pipe.transport.requests).toHaveLength(3);
  });

  test('that shares with nobody asks by itself while something is fetched in the background', async () => {
    const late = Promise.withResolvers<Response>();
    await using pipe = caching([good('old'), () => late.promise, good('own')], {
      ttlMs: 10_000,
      staleWhileRevalidateMs: 60_000,
      singleFlight: false,
    });
    await pipe.ask();
    await pipe.clock.advance(12_000);
    expect(await pipe.ask()).toContain('old');
    expect(await pipe.ask({}, { 'cache-control': 'max-age=1' })).toContain('own');
    late.resolve(good('new'));
    await pipe.clock.advance(0);
  });

  test('ends what goes on in the background', async () => {
    let cancelled = false;
    const stalled = streamAnswer([...anthropicStream().slice(0, 3), new Promise<never>(() => undefined)], {
      onCancel: () => (cancelled = true),
    });
    await using pipe = caching([streamAnswer(anthropicStream()), stalled], {
      ttlMs: 10_000,
      staleWhileRevalidateMs: 60_000,
      revalidateTimeoutMs: 5_000,
    });
    await pipe.ask({ stream: true });
    await pipe.clock.advance(11_000);
    await pipe.ask({ stream: true });
    await pipe.clock.advance(5_001);
    expect(cancelled).toBe(true);
    expect(pipe.clock.pendingTimers).toBe(0);
  });

  test.each<[string, () => ScriptedAnswer]>([
    ['answers 500', () => bad(500)],
    ['answers 529', () => bad(529)],
    ['is lost', () => reset],
    ['is behind an open circuit', () => new PipelineError('circuit_open')],
    ['has no endpoint', () => new PipelineError('no_endpoint')],
    ['takes too long', () => new PipelineError('first_event_timeout')],
  ])('lets a stale answer out when the upstream %s', async (_, failure) => {
    await using pipe = caching([good('old'), failure()], { ttlMs: 10_000, staleIfErrorMs: 60_000 });
    await pipe.ask();
    await pipe.clock.advance(20_000);
    expect(await pipe.ask()).toContain('old');
    expect(pipe.statuses).toEqual(['miss', 'stale']);
    expect(pipe.outcomes).toMatchObject([{}, { kind: 'completed', attempts: 1 }]);
  });

  test.each<[string, () => ScriptedAnswer, number]>([
    ['says no', () => bad(400), 400],
    ['is throttled', () => new PipelineError('rate_limited'), 429],
  ])('does not when the upstream %s', async (_, failure, status) => {
    await using pipe = caching([good('old'), failure()], { ttlMs: 10_000, staleIfErrorMs: 60_000 });
    await pipe.ask();
    await pipe.clock.advance(20_000);
    const response = await pipe.post();
    expect(response.status).toBe(status);
    await response.text();
  });

  test('does not for a caller who wants a new one', async () => {
    await using pipe = caching([good('old'), bad(500)], { ttlMs: 10_000, staleIfErrorMs: 60_000 });
    await pipe.ask();
    await pipe.clock.advance(20_000);
    expect((await pipe.post({}, { headers: { 'cache-control': 'no-cache' } })).status).toBe(500);
  });

  test('passes between the events of a paced replay', async () => {
    const events = anthropicStream({ text: 'One two' });
    await using pipe = caching([streamAnswer(events)], { replayEventsPerSecond: 10 });
    await pipe.ask({ stream: true });
    const reader = (await pipe.post({ stream: true })).body?.getReader();
    const read = async (): Promise<string> => Buffer.from((await reader?.read())?.value ?? []).toString();
    expect(await read()).toBe(events[0]);
    for (const event of events.slice(1)) {
      let text = '';
      const reading = read().then((got) => (text = got));
      await pipe.clock.advance(99);
      expect(text).toBe('');
      await pipe.clock.advance(1);
      await reading;
      expect(text).toBe(event);
    }
    expect(await read()).toBe('');
    expect(pipe.clock.pendingTimers).toBe(0);
  });
});

describe('what is purged', () => {
  test('by tenant is gone for that tenant alone', async () => {
    const handle = cacheHandle();
    await using pipe = caching([good('a1'), good('b1'), good('a2')], { handle });
    await pipe.ask({}, { 'x-tenant': 'a' });
    await pipe.ask({}, { 'x-tenant': 'b' });
    // #region handle
    await handle.purge({ tenant: 'a' });
    const { hits, misses } = handle.statistics();
    // #endregion
    expect([hits, misses]).toEqual([0, 2]);
    expect(await pipe.ask({}, { 'x-tenant': 'a' })).toContain('a2');
    expect(await pipe.ask({}, { 'x-tenant': 'b' })).toContain('b1');
    expect(handle.statistics()).toMatchObject({ hits: 1, misses: 3, stored: 3 });
  });

  test('by tag is gone for everybody', async () => {
    const handle = cacheHandle();
    const tags: CacheOptions['tags'] = (request) => [request.headers['x-topic'] ?? 'none'];
    await using pipe = caching([good('1'), good('2'), good('3')], { handle, tags });
    await pipe.ask({ system: 'x' }, { 'x-topic': 'x' });
    await pipe.ask({ system: 'y' }, { 'x-topic': 'y' });
    await handle.purge({ tag: 'x' });
    expect(await pipe.ask({ system: 'x' }, { 'x-topic': 'x' })).toContain('3');
    expect(await pipe.ask({ system: 'y' }, { 'x-topic': 'y' })).toContain('2');
  });

  test('by tenant, where answers belong to everybody, is an error: they are there still', async () => {
    const handle = cacheHandle();
    const tags: CacheOptions['tags'] = () => ['x'];
    await using apart = caching([good('1'), good('2')], { handle });
    await using pipe = caching([good('a'), good('b')], { handle, tags, scope: 'shared' });
    await apart.ask({}, { 'x-tenant': 'a' });
    await pipe.ask({}, { 'x-tenant': 'a' });
    await expect(handle.purge({ tenant: 'a' })).rejects.toThrow(
      'with scope "shared" answers belong to no tenant, and were not purged; purge them by a tag',
    );
    expect(await pipe.ask({}, { 'x-tenant': 'a' })).toContain('"a"');
    // Where they do belong to one, they are gone.
    expect(await apart.ask({}, { 'x-tenant': 'a' })).toContain('"2"');
    await handle.purge({ tag: 'x' });
    expect(await pipe.ask({}, { 'x-tenant': 'a' })).toContain('"b"');
  });

  test('is not stored after all when it was on its way', async () => {
    const handle = cacheHandle();
    const late = Promise.withResolvers<Response>();
    await using pipe = caching([() => late.promise, good('2')], { handle }, {});
    const pending = pipe.ask({}, { 'x-tenant': 'a' });
    await pipe.clock.advance(0);
    await handle.purge({ tenant: 'a' });
    late.resolve(good('1'));
    expect(await pending).toContain('"1"');
    expect(await pipe.ask({}, { 'x-tenant': 'a' })).toContain('"2"');
  });
});

describe('another plugin', () => {
  test('further in that ends a stream early keeps it out of the store', async () => {
    const blocked = new PipelineError('content_blocked');
    const cutter = definePlugin({
      name: 'cutter',
      create: () => ({
        handle: async (request, next) =>
          transformStream(await next(request), {
            transform(event, controller) {
              if (event.type !== 'content_block_delta') {
                controller.enqueue(event);
                return;
              }
              controller.enqueue(SseEvent.of('message_stop', '{"type":"message_stop"}'));
              controller.terminate(blocked);
            },
          }),
      }),
    });
    const whole = anthropicStream({ text: 'a b' }).join('');
    await using pipe = caching([streamAnswer(whole), streamAnswer(whole)], {}, { plugins: [cutter()] });
    await pipe.ask({ stream: true });
    await pipe.ask({ stream: true });
    expect(pipe.statuses).toEqual(['miss', 'miss']);
    expect(pipe.outcomes).toMatchObject([{ cause: blocked }, { cause: blocked }]);
  });

  test('that objects to an answer keeps it out of the store', async () => {
    const judge = definePlugin({
      name: 'judge',
      create: () => ({
        handle: async (request, next, ctx) => {
          const response = await next(request);
          ctx.state.set(VERDICTS, [{ plugin: 'judge', rule: 'r', action: 'redacted' }]);
          return response;
        },
      }),
    });
    await using pipe = caching([good(), good()], {}, { plugins: [judge()] });
    await pipe.ask();
    await pipe.ask();
    expect(pipe.statuses).toEqual(['miss', 'miss']);
  });
});

describe('callers', () => {
  test('are told nothing unless they are trusted', async () => {
    await using pipe = caching([good()]);
    expect((await pipe.post()).headers.has('cache-status')).toBe(false);
  });

  test('that are trusted are told how it was', async () => {
    await using pipe = caching([good(), good(), good()], { statusHeaders: true, ttlMs: 100_000 });
    const told = async (init: RequestInit = {}, fields = {}): Promise<(string | null)[]> => {
      const response = await pipe.post(fields, init);
      await response.text();
      return [response.headers.get('cache-status'), response.headers.get('age')];
    };
    expect(await told()).toEqual(['sluice; fwd=miss', null]);
    await pipe.clock.advance(3_500);
    expect(await told()).toEqual([expect.stringMatching(/^sluice; hit; ttl=\d+$/), '3']);
    expect(await told({ headers: { 'cache-control': 'no-cache' } })).toEqual(['sluice; fwd=request', null]);
    expect(await told({}, { container: 'c' })).toEqual(['sluice; fwd=bypass; detail=state', null]);
  });

  test('get no header of somebody else’s request', async () => {
    const headers = {
      'request-id': 'req_1',
      'set-cookie': 'a=b',
      'anthropic-ratelimit-tokens-remaining': '1',
    };
    await using pipe = caching([json(anthropicMessage(), headers)]);
    const first = await pipe.post();
    expect(first.headers.get('request-id')).toBe('req_1');
    await first.text();
    const second = await pipe.post();
    await second.text();
    expect([...second.headers.keys()].toSorted()).toEqual(['content-length', 'content-type']);
  });
});

describe('at assembly', () => {
  test('fills in the defaults and shows no secret', () => {
    // #region use
    const pipeline = createPipeline({
      upstream: 'https://api.anthropic.com',
      plugins: [cache({ ttlMs: 600_000 })],
    });
    // #endregion
    expect(pipeline.describe().plugins).toMatchObject([
      { name: 'cache', onError: 'open', options: { ttlMs: 600_000, scope: 'tenant', storeTimeoutMs: 50 } },
    ]);
    expect(pipeline.describe().services).toContainEqual({ name: 'cache-store', source: 'embedded' });
    const secret = 'a secret of the server';
    const other = createPipeline({ upstream: 'https://api.anthropic.com', plugins: [cache({ secret })] });
    expect(JSON.stringify(other.describe())).not.toContain(secret);
  });

  test.each<[object, string]>([
    [{ ttl: 3 }, 'there is no option "ttl"'],
    [{ ttlMs: 0 }, 'option "ttlMs": must be at least 1'],
    [{ ttlMs: Infinity }, 'option "ttlMs": must be finite'],
    [{ maxEntryBytes: 1.5 }, 'option "maxEntryBytes": must be a whole number'],
    [{ scope: 'all' }, 'option "scope": must be "tenant", "principal" or "shared"'],
    [{ secret: 'short' }, 'option "secret": must be text or bytes, 16 at least'],
    [{ allow: ['all'] }, 'option "allow.0": must be of server-tools, files, urls, state'],
    [{ handle: {} }, 'option "handle": must be made with cacheHandle()'],
    [
      { singleFlight: false, acrossProcesses: {} },
      '"acrossProcesses" needs "singleFlight"; leave one of them out',
    ],
    [
      { acrossProcesses: { leaseMs: 100 } },
      'option "acrossProcesses.leaseMs" must be at least four times "storeTimeoutMs", or it runs out before it can be renewed',
    ],
  ])('refuses %o', (options, complaint) => {
    expect(() =>
      createPipeline({ upstream: 'https://upstream.test', plugins: [cache(options as CacheOptions)] }),
    ).toThrow(`plugin "cache": ${complaint}.`);
  });

  test('refuses to stand inside of what each attempt has to pass', () => {
    const retry = definePlugin({
      name: 'retry',
      create: () => ({ handle: (request, next) => next(request) }),
    });
    expect(() => createPipeline({ upstream: 'https://upstream.test', plugins: [retry(), cache()] })).toThrow(
      'plugin "cache" must stand outside "retry"',
    );
  });
});
