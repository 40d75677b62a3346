import { request as undiciRequest } from 'undici';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fakeClock } from './fake-clock.ts';
import { fakeUpstream, type FakeUpstream } from './fake-upstream.ts';
import { rawConnection, rawRequest } from './raw-client.ts';

const QUESTION = {
  model: 'claude-opus-5-5',
  max_tokens: 1024,
  messages: [{ role: 'user', content: 'hello there' }],
};

let upstream: FakeUpstream;
beforeAll(async () => {
  upstream = await fakeUpstream();
});
afterEach(() => {
  upstream.reset();
});
afterAll(async () => {
  await upstream.close();
});

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
  readonly json: () => Record<string, unknown>;
}

async function ask(
  path: string,
  body?: object | string,
  headers: Record<string, string> = {},
  method: 'GET' | 'POST' | 'DELETE' = body === undefined ? 'GET' : 'POST',
): Promise<Answer> {
  const response = await undiciRequest(`${upstream.url}${path}`, {
    method,
    headers,
    body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.body.text();
  return {
    status: response.statusCode,
    headers: response.headers,
    text,
    json: () => JSON.parse(text) as Record<string, unknown>,
  };
}

it('is used like this', async () => {
  const body = JSON.stringify(QUESTION);
  // #region example
  await using upstream = await fakeUpstream();
  upstream.reply('status; status=529; retryAfter=1', { kind: 'reset-mid-stream', afterEvents: 4 });

  const overloaded = await fetch(`${upstream.url}/v1/messages`, { method: 'POST', body });
  expect(overloaded.headers.get('retry-after')).toBe('1');

  const broken = await fetch(`${upstream.url}/v1/messages`, { method: 'POST', body });
  await expect(broken.text()).rejects.toThrow('terminated');

  const [first, second] = upstream.requests;
  expect(first?.json()).toMatchObject({ model: 'claude-opus-5-5' });
  expect(await second?.closed).toBe('complete'); // The reset was the plan.
  // #endregion
});

describe('the Messages API', () => {
  it('echoes, the same for the same question, with the headers of the provider and its CDN', async () => {
    const first = await ask('/v1/messages', QUESTION);
    const second = await ask('/anthropic/v1/messages?beta=true', QUESTION);
    expect(first.status).toBe(200);
    expect(first.json()).toMatchObject({ content: [{ type: 'text', text: 'You said: hello there' }] });
    expect(second.text).toBe(first.text);
    expect(first.headers).toMatchObject({
      'content-type': 'application/json',
      'request-id': 'req_011Fake00000000000000001',
      'anthropic-ratelimit-requests-remaining': '3999',
      server: 'cloudflare',
    });
    expect(first.headers['set-cookie']).toHaveLength(2);
  });

  it('answers in Chinese when spoken to in Chinese', async () => {
    const content = [{ type: 'text', text: '给鹈鹕起两个名字' }];
    const answer = await ask('/v1/messages', { ...QUESTION, messages: [{ role: 'user', content }] });
    expect(answer.json()).toMatchObject({ content: [{ text: '你说的是：给鹈鹕起两个名字' }] });
  });

  it('streams the same answer when the body asks for a stream', async () => {
    const answer = await ask('/v1/messages', { ...QUESTION, stream: true });
    expect(answer.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    const said = [...answer.text.matchAll(/"text_delta","text":"([^"]*)"/g)].map(([, text]) => text);
    expect(said.length).toBeGreaterThan(1);
    expect(said.join('')).toBe('You said: hello there');
    expect(answer.text).toMatch(/event: message_stop\n.*\n\n$/);
  });

  it('thinks, calls the tool it must call, and stops at max_tokens', async () => {
    const thinking = await ask('/v1/messages', { ...QUESTION, thinking: { type: 'adaptive' } });
    expect(thinking.json()['content']).toMatchObject([{ type: 'thinking' }, { type: 'text' }]);
    const tools = [{ name: 'search', input_schema: {} }];
    const tool = await ask('/v1/messages', { ...QUESTION, tools, tool_choice: { type: 'any' } });
    expect(tool.json()).toMatchObject({
      content: [{ type: 'tool_use', name: 'search' }],
      stop_reason: 'tool_use',
    });
    const cut = await ask('/v1/messages', { ...QUESTION, max_tokens: 2 });
    expect(cut.json()).toMatchObject({ content: [{ text: 'You said:' }], stop_reason: 'max_tokens' });
  });

  it('counts as many tokens as it will report', async () => {
    const counted = await ask('/v1/messages/count_tokens', QUESTION);
    const answered = await ask('/v1/messages', QUESTION);
    expect(answered.json()).toMatchObject({ usage: counted.json() });
  });

  it('refuses in its own error shape', async () => {
    const shape = (type: string): object => ({
      type: 'error',
      error: { type },
      request_id: expect.any(String),
    });
    const nowhere = await ask('/v1/nowhere');
    expect([nowhere.status, nowhere.json()]).toMatchObject([404, shape('not_found_error')]);
    const wrongMethod = await ask('/v1/messages');
    expect([wrongMethod.status, wrongMethod.json()]).toMatchObject([405, shape('invalid_request_error')]);
    for (const body of ['{', '[]', '{"model":"m"}']) {
      const bad = await ask('/v1/messages', body);
      expect([bad.status, bad.json()]).toMatchObject([400, shape('invalid_request_error')]);
    }
  });

  it('survives a body nested without end', async () => {
    const deep = `{"model":"m","messages":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expect((await ask('/v1/messages', deep)).status).toBe(200);
  });

  it('keeps batches and files', async () => {
    const batch = (
      await ask('/v1/messages/batches', { requests: [{ custom_id: 'a', params: QUESTION }] })
    ).json();
    const path = `/v1/messages/batches/${String(batch['id'])}`;
    expect((await ask(path)).json()).toEqual(batch);
    expect(batch['results_url']).toBe(`${upstream.url}${path}/results`);
    expect((await ask(`${path}/results`)).json()).toMatchObject({
      custom_id: 'a',
      result: { type: 'succeeded', message: { content: [{ text: 'You said: hello there' }] } },
    });
    expect((await ask('/v1/messages/batches')).json()).toMatchObject({ data: [batch] });
    expect((await ask(path, undefined, {}, 'DELETE')).json()).toMatchObject({
      type: 'message_batch_deleted',
    });
    expect((await ask(path)).status).toBe(404);

    const part =
      '--xx\r\ncontent-disposition: form-data; name="file"; filename="名.csv"\r\ncontent-type: text/csv\r\n\r\na,b\n\r\n';
    const headers = { 'content-type': 'multipart/form-data; boundary=xx' };
    const file = (await ask('/v1/files', `${part}--xx--\r\n`, headers)).json();
    expect(file).toMatchObject({ type: 'file', filename: '名.csv', mime_type: 'text/csv', size_bytes: 4 });
    const content = await ask(`/v1/files/${String(file['id'])}/content`);
    expect([content.text, content.headers['content-type']]).toEqual(['a,b\n', 'text/csv']);
    expect((await ask('/v1/files')).json()).toMatchObject({ data: [file] });
  });
});

describe('the OpenAI APIs', () => {
  const headers = { authorization: 'Bearer sk-fake' };

  it('completes chats, whole and streamed', async () => {
    const whole = await ask('/v1/chat/completions', QUESTION, headers);
    expect(whole.json()).toMatchObject({ choices: [{ message: { content: 'You said: hello there' } }] });
    expect(whole.headers).toMatchObject({
      'x-request-id': expect.any(String),
      'x-ratelimit-reset-requests': '8.64s',
    });
    const body = { ...QUESTION, stream: true, n: 2, stream_options: { include_usage: true } };
    const streamed = await ask('/openai/deployments/x/chat/completions?api-version=1', body, headers);
    expect(streamed.text).toMatch(/"choices":\[\],"usage":\{.*\n\ndata: \[DONE\]\n\n$/);
  });

  it('responds, whole and streamed', async () => {
    const body = {
      model: 'gpt-5.4',
      input: [{ role: 'user', content: [{ type: 'input_text', text: '你好' }] }],
    };
    const whole = await ask('/v1/responses', body, headers);
    expect(whole.json()).toMatchObject({ output: [{ content: [{ text: '你说的是：你好' }] }] });
    const streamed = await ask('/v1/responses', { ...body, stream: true }, headers);
    expect(streamed.text).toMatch(/event: response\.completed\ndata: .*\n\n$/);
  });

  it('embeds, as numbers and as base64', async () => {
    const body = { model: 'text-embedding-3-small', input: ['a', 'b'], dimensions: 8 };
    const numbers = (await ask('/v1/embeddings', body, headers)).json() as {
      data: { embedding: number[] }[];
    };
    const packed = (await ask('/v1/embeddings', { ...body, encoding_format: 'base64' }, headers)).json() as {
      data: { embedding: string }[];
    };
    const unpacked = packed.data.map(({ embedding }) => {
      const bytes = Uint8Array.from(Buffer.from(embedding, 'base64'));
      return [...new Float32Array(bytes.buffer)];
    });
    expect(unpacked).toEqual(numbers.data.map(({ embedding }) => embedding));
    expect(Math.hypot(...(unpacked[0] ?? []))).toBeCloseTo(1, 5);
  });

  it('keeps batches, whose results are a file', async () => {
    const part = (content: string): string =>
      `--xx\r\ncontent-disposition: form-data; name="file"; filename="in.jsonl"\r\n\r\n${content}\r\n--xx--\r\n`;
    const upload = async (content: string): Promise<unknown> => {
      const form = { ...headers, 'content-type': 'multipart/form-data; boundary=xx' };
      return (await ask('/v1/files', part(content), form)).json()['id'];
    };
    const line = { custom_id: 'a', method: 'POST', url: '/v1/chat/completions', body: QUESTION };
    const wanted = { endpoint: '/v1/chat/completions', completion_window: '24h' };
    const input_file_id = await upload(`${JSON.stringify(line)}\n`);
    const batch = (await ask('/v1/batches', { ...wanted, input_file_id }, headers)).json();
    const path = `/v1/batches/${String(batch['id'])}`;
    expect((await ask(path, undefined, headers)).json()).toEqual(batch);
    expect((await ask('/v1/batches', undefined, headers)).json()).toMatchObject({ data: [batch] });
    const content = await ask(`/v1/files/${String(batch['output_file_id'])}/content`, undefined, headers);
    expect(content.json()).toMatchObject({
      custom_id: 'a',
      response: { status_code: 200, body: { choices: [{ message: { content: 'You said: hello there' } }] } },
      error: null,
    });
    for (const [fields, status] of [
      [{ ...wanted, input_file_id: 'file_none' }, 400],
      [{ ...wanted, input_file_id, endpoint: '/v1/embeddings' }, 400],
      [{ ...wanted, input_file_id: await upload('{') }, 400],
    ] as const)
      expect((await ask('/v1/batches', fields, headers)).status).toBe(status);
    expect((await ask('/v1/batches/none', undefined, headers)).status).toBe(404);
  });

  it('lists models in the shape that the request speaks', async () => {
    expect((await ask('/v1/models', undefined, headers)).json()).toMatchObject({ object: 'list' });
    const version = { 'anthropic-version': '2026-10-21', ...headers };
    expect((await ask('/v1/models', undefined, version)).json()).toMatchObject({ has_more: false });
    expect((await ask('/v1/models/gpt-5.4', undefined, headers)).json()).toMatchObject({ object: 'model' });
    expect((await ask('/v1/models/%zz', undefined, headers)).status).toBe(404);
  });
});

describe('the options', () => {
  it('requireKey: refuses requests without a key', async () => {
    await using strict = await fakeUpstream({ requireKey: true });
    const status = async (headers: Record<string, string>): Promise<number> => {
      const { statusCode, body } = await undiciRequest(`${strict.url}/v1/models`, { headers });
      await body.dump();
      return statusCode;
    };
    expect(await status({})).toBe(401);
    expect(await status({ 'x-api-key': '' })).toBe(401);
    expect(await status({ authorization: 'Bearer ' })).toBe(401);
    expect(await status({ 'x-api-key': 'sk' })).toBe(200);
    expect(await status({ authorization: 'Bearer sk' })).toBe(200);
  });

  it('models: knows no others', async () => {
    await using small = await fakeUpstream({ models: ['claude-opus-5-5'] });
    const body = JSON.stringify({ ...QUESTION, model: 'claude-sonet' });
    const refused = await undiciRequest(`${small.url}/v1/messages`, { method: 'POST', body });
    expect(await refused.body.json()).toMatchObject({
      error: { type: 'not_found_error', message: 'model: claude-sonet' },
    });
  });

  it('tokenDelayMs and clock: paces a stream by the clock it is given', async () => {
    const clock = fakeClock();
    await using paced = await fakeUpstream({ tokenDelayMs: 100, clock });
    using client = await rawConnection(paced.url);
    client.send(rawRequest({ body: { ...QUESTION, stream: true } }));
    await client.received((soFar) => soFar.includes('message_start'));
    const request = await paced.request(1);
    expect(client.chunks.join('')).not.toContain('content_block_start');
    for (let pause = 0; pause < 9; pause++) {
      while (clock.pendingTimers === 0) await new Promise(setImmediate);
      await clock.advance(100);
    }
    expect(await request.closed).toBe('complete');
    // 10 events, and so 9 pauses between them.
    expect(clock.now()).toBe(900);
    expect(clock.pendingTimers).toBe(0);
  });

  it('clock: leaves no timer behind when a client leaves', async () => {
    const clock = fakeClock();
    await using slow = await fakeUpstream({ clock });
    slow.reply({ kind: 'stall', stallMs: 60_000 }, { kind: 'answer', delayMs: 60_000 });
    for (const n of [1, 2]) {
      using client = await rawConnection(slow.url);
      client.send(rawRequest());
      const request = await slow.request(n);
      while (clock.pendingTimers === 0) await new Promise(setImmediate);
      client.close();
      expect(await request.closed).toBe('aborted');
      expect(clock.pendingTimers).toBe(0);
    }
  });

  it('keepRequests: records no more than that', async () => {
    await using forgetful = await fakeUpstream({ keepRequests: 2 });
    for (const path of ['/1', '/2', '/3']) await (await undiciRequest(forgetful.url + path)).body.dump();
    expect(forgetful.requests.map(({ path }) => path)).toEqual(['/2', '/3']);
    await expect(forgetful.request(1)).rejects.toThrow('no longer recorded');
    expect((await forgetful.request(2)).path).toBe('/2');
  });
});

describe('the record', () => {
  it('holds what was sent, as it was on the wire', async () => {
    using client = await rawConnection(upstream.url);
    client.send(
      rawRequest({
        path: '/v1/messages?beta=true',
        headers: { 'X-Api-Key': 'sk', 'x-api-key': 'k2' },
        body: QUESTION,
      }),
    );
    const request = await upstream.request(1);
    expect(request).toMatchObject({ n: 1, method: 'POST', path: '/v1/messages?beta=true', aborted: false });
    expect(request.rawHeaders).toEqual([
      'host',
      'fake',
      'content-length',
      expect.any(String),
      'X-Api-Key',
      'sk',
      'x-api-key',
      'k2',
    ]);
    expect(request.json()).toEqual(QUESTION);
    expect(await request.closed).toBe('complete');
    expect(request).toMatchObject({ status: 200, behaviour: 'answer', failure: undefined });
    expect(request.bytesWritten).toBeGreaterThan(300);
    expect(upstream.openStreams).toBe(0);
    expect(upstream.connections).toBe(1);
  });

  it('tells when a client leaves during the upload, the wait and the stream', async () => {
    using uploading = await rawConnection(upstream.url);
    uploading.send(rawRequest({ headers: { 'content-length': '100000' } }));
    while (upstream.requests.length === 0) await new Promise(setImmediate);
    uploading.close();
    expect(await upstream.requests[0]?.closed).toBe('aborted');
    expect(upstream.requests[0]?.body.length).toBeGreaterThan(0);

    upstream.reply('stall', 'stall; afterEvents=4');
    using waiting = await rawConnection(upstream.url);
    waiting.send(rawRequest());
    const second = await upstream.request(2);
    expect([upstream.openStreams, second.closedAt]).toEqual([1, undefined]);
    waiting.close();
    expect(await second.closed).toBe('aborted');
    expect([second.aborted, second.status]).toEqual([true, undefined]);

    using streaming = await rawConnection(upstream.url);
    streaming.send(rawRequest({ body: { ...QUESTION, stream: true } }));
    await streaming.received((soFar) => soFar.includes('text_delta'));
    streaming.close();
    const third = await upstream.request(3);
    expect(await third.closed).toBe('aborted');
    expect(third.status).toBe(200);
    expect(upstream.openStreams).toBe(0);
  });

  it('answers pipelined requests in order, even when one is written to the socket itself', async () => {
    upstream.reply(
      'answer; text=first; delayMs=5',
      'raw; bytes="HTTP/1.1 200 OK\\r\\ncontent-length: 6\\r\\n\\r\\nsecond"; ending=keep-alive',
      'answer; text=third',
    );
    using client = await rawConnection(upstream.url);
    client.send(rawRequest() + rawRequest() + rawRequest());
    const received = await client.received((soFar) => soFar.includes('third'));
    expect(received.toString().match(/first|second|third/g)).toEqual(['first', 'second', 'third']);
    expect(upstream.connections).toBe(1);
  });
});

describe('choosing a behaviour', () => {
  const statuses = async (count: number, headers: Record<string, string> = {}): Promise<number[]> => {
    const seen: number[] = [];
    for (let n = 0; n < count; n++) seen.push((await ask('/v1/messages', QUESTION, headers)).status);
    return seen;
  };

  it('takes what was queued, in order and as often as told, then answers again', async () => {
    upstream.reply({ kind: 'status', status: 529, times: 2 }, 'status; status=503');
    expect(await statuses(4)).toEqual([529, 529, 503, 200]);
  });

  it('asks the script about every request that has arrived', async () => {
    upstream.script(({ path }, n) =>
      path.includes('messages') && n === 2 ? 'status; status=500' : undefined,
    );
    expect(await statuses(3)).toEqual([200, 500, 200]);
    upstream.script(undefined);
    expect(await statuses(1)).toEqual([200]);
  });

  it('lets a header have precedence, and counts the header', async () => {
    upstream.reply('status; status=503');
    const header = { 'x-fake-upstream': 'status; status=529; times=2' };
    expect(await statuses(3, header)).toEqual([529, 529, 200]);
    expect(await statuses(2, { 'x-fake-upstream': 'status; status=529; times=1; tag=other' })).toEqual([
      529, 200,
    ]);
    expect(await statuses(2)).toEqual([503, 200]);
  });

  it('says so, in a way that no client tries again, when it is asked for nonsense', async () => {
    const refused = await ask('/v1/messages', QUESTION, { 'x-fake-upstream': 'explode' });
    expect([refused.status, refused.text]).toEqual([
      400,
      expect.stringContaining('fake upstream: no behaviour "explode"'),
    ]);
    expect(upstream.requests[0]?.failure).toBeInstanceOf(SyntaxError);
    upstream.reply({ kind: 'answer', headers: { 'x-bad': 'a\nb' } });
    expect((await ask('/v1/messages', QUESTION)).text).toContain('Invalid character in header content');
    upstream.script(() => {
      throw new Error('the script failed');
    });
    expect((await ask('/v1/messages', QUESTION)).text).toContain('the script failed');
  });
});

describe('close', () => {
  it('ends at once, whatever is in progress, and may be repeated', async () => {
    const busy = await fakeUpstream();
    busy.reply('stall', 'drip; what=comments', 'flood; bytes=Infinity');
    const clients = await Promise.all([1, 2, 3].map(() => rawConnection(busy.url)));
    for (const client of clients) {
      client.socket.pause();
      client.send(rawRequest());
    }
    const requests = await Promise.all([1, 2, 3].map((n) => busy.request(n)));
    expect(busy.openStreams).toBe(3);
    await Promise.all([busy.close(), busy.close()]);
    expect(await Promise.all(requests.map(({ closed }) => closed))).toEqual([
      'aborted',
      'aborted',
      'aborted',
    ]);
    expect(busy.openStreams).toBe(0);
    for (const client of clients) client.close();
    await expect(rawConnection(busy.url)).rejects.toThrow('ECONNREFUSED');
  });
});
