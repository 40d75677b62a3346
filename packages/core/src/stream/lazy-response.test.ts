import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { BodyFacts } from './body-facts.ts';
import { type BodySource, bytesSource } from './body.ts';
import { changeHeaders, headerRecord, LazyResponse } from './lazy-response.ts';

interface Made {
  readonly body?: string | readonly string[] | null;
  readonly status?: number;
  readonly statusText?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly fail?: Error;
}

const chunksOf = ({ body = 'hello' }: Made): Uint8Array[] =>
  [body ?? []].flat().map((chunk) => Buffer.from(chunk));

/** The standard's own, over a stream that pulls. */
function native(made: Made): Response {
  const headers = new Headers();
  for (const [name, value] of Object.entries(made.headers ?? {}))
    for (const one of [value].flat()) headers.append(name, one);
  const chunks = chunksOf(made);
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    const chunk = chunks.shift();
    if (chunk !== undefined) controller.enqueue(chunk);
    else if (made.fail === undefined) controller.close();
    else controller.error(made.fail);
  };
  const { status = 200, statusText = '' } = made;
  const body = made.body === null ? null : new ReadableStream({ pull }, { highWaterMark: 0 });
  return new Response(body, { status, statusText, headers });
}

function lazy(made: Made): Response {
  const chunks = chunksOf(made);
  const source: BodySource = {
    pull: () => {
      const chunk = chunks.shift();
      if (chunk === undefined && made.fail !== undefined) throw made.fail;
      return chunk ?? null;
    },
    cancel: () => void (chunks.length = 0),
  };
  const { status = 200, statusText = '', headers = {} } = made;
  const body = made.body === null ? null : { bytes: source };
  return LazyResponse.from({ status, statusText, headers, body, facts: new BodyFacts(undefined) });
}

/** What an expression comes to: its value or what it throws, by name. */
async function outcome(run: () => unknown): Promise<unknown> {
  try {
    const value = await run();
    if (value instanceof Response) return ['Response', value.status, await value.text()];
    if (value instanceof Blob) return ['Blob', value.type, await value.text()];
    if (value instanceof ArrayBuffer) return ['ArrayBuffer', [...new Uint8Array(value)]];
    if (value instanceof Uint8Array) return [value.constructor.name, [...value]];
    if (value instanceof FormData || value instanceof Headers) return [value.constructor.name, [...value]];
    return value;
  } catch (error) {
    return `throws ${(error as Error).name}`;
  }
}

const stream = (response: Response): ReadableStream<Uint8Array> =>
  response.body as ReadableStream<Uint8Array>;
const collected = async (body: AsyncIterable<Uint8Array>): Promise<string> => {
  let text = '';
  for await (const chunk of body) text += Buffer.from(chunk).toString();
  return text;
};
const form = { 'content-type': 'multipart/form-data; boundary=b' };
const formBody = '--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n';

const cases: readonly (readonly [string, Made, (response: Response) => unknown])[] = [
  ['instanceof', {}, (r) => r instanceof Response],
  ['Object.prototype.toString', {}, (r) => Object.prototype.toString.call(r)],
  ['type, url, redirected', {}, (r) => [r.type, r.url, r.redirected]],
  ['status, ok, statusText', { status: 201, statusText: 'Made' }, (r) => [r.status, r.ok, r.statusText]],
  ['ok of an error', { status: 400 }, (r) => r.ok],
  ['text()', { body: ['hel', 'lo ü'] }, (r) => r.text()],
  ['text() of bad UTF-8 and a mark', { body: '\ufeffhi' }, (r) => r.text()],
  ['json()', { body: '{"a":[1]}' }, (r) => r.json()],
  ['json() with a mark', { body: '\ufeff{"a":1}' }, (r) => r.json()],
  ['json() of no JSON', { body: '{' }, (r) => r.json()],
  ['json() of nothing', { body: '' }, (r) => r.json()],
  ['arrayBuffer()', { body: ['a', 'b'] }, (r) => r.arrayBuffer()],
  ['arrayBuffer() of one chunk', { body: 'ab' }, (r) => r.arrayBuffer()],
  ['bytes()', { body: ['a', 'b'] }, (r) => r.bytes()],
  ['blob()', { headers: { 'content-type': 'text/x-mine' } }, (r) => r.blob()],
  ['blob() without type', {}, (r) => r.blob()],
  ['formData()', { headers: form, body: formBody }, (r) => r.formData()],
  ['formData() of no form', {}, (r) => r.formData()],
  [
    'a null body',
    { body: null, status: 204 },
    async (r) => [r.body, r.bodyUsed, await r.text(), await r.text(), r.bodyUsed],
  ],
  ['a null body as bytes', { body: null }, (r) => r.arrayBuffer()],
  ['json() of a null body', { body: null }, (r) => r.json()],
  ['a null body, cloned', { body: null, status: 304 }, (r) => r.clone()],
  ['an empty body', { body: '' }, async (r) => [r.body === null, await r.text(), r.bodyUsed]],
  ['bodyUsed before and after', {}, async (r) => [r.bodyUsed, await r.text(), r.bodyUsed]],
  [
    'bodyUsed while reading',
    {},
    async (r) => {
      const reading = r.text();
      const { bodyUsed } = r;
      await reading;
      return bodyUsed;
    },
  ],
  [
    'bodyUsed after json() failed',
    { body: '{' },
    async (r) => {
      await r.json().catch(() => undefined);
      return r.bodyUsed;
    },
  ],
  [
    'text() twice',
    {},
    async (r) => {
      await r.text();
      return r.text();
    },
  ],
  [
    'text() twice at once',
    {},
    async (r) => {
      const first = r.text();
      await r.text().finally(() => first);
    },
  ],
  [
    'json() after text()',
    {},
    async (r) => {
      await r.text();
      return r.json();
    },
  ],
  [
    'blob() after text()',
    {},
    async (r) => {
      await r.text();
      return r.blob();
    },
  ],
  [
    'clone() after text()',
    {},
    async (r) => {
      await r.text();
      return r.clone();
    },
  ],
  [
    'text() after blob()',
    {},
    async (r) => {
      await r.blob();
      return r.text();
    },
  ],
  [
    'body after text(): locked and used',
    {},
    async (r) => {
      await r.text();
      return [r.bodyUsed, stream(r) !== null, r.bodyUsed];
    },
  ],
  [
    'body read after text()',
    {},
    async (r) => {
      await r.text();
      return collected(stream(r));
    },
  ],
  ['body is always the same', {}, (r) => r.body === r.body],
  ['body is a ReadableStream', {}, (r) => r.body instanceof ReadableStream],
  ['touching body uses nothing', {}, async (r) => [stream(r).locked, r.bodyUsed, await r.text(), r.bodyUsed]],
  [
    'text() of a locked body',
    {},
    (r) => {
      stream(r).getReader();
      return r.text();
    },
  ],
  [
    'bodyUsed of a locked body',
    {},
    (r) => {
      stream(r).getReader();
      return r.bodyUsed;
    },
  ],
  [
    'clone() of a locked body',
    {},
    (r) => {
      stream(r).getReader();
      return r.clone();
    },
  ],
  [
    'a reader',
    { body: ['a', 'b'] },
    async (r) => {
      const reader = stream(r).getReader();
      const text = [String.fromCharCode(...((await reader.read()).value ?? []))];
      return [...text, r.bodyUsed, (await reader.read()).done, (await reader.read()).done];
    },
  ],
  [
    'text() after a reader was released',
    { body: ['a', 'b'] },
    async (r) => {
      const reader = stream(r).getReader();
      await reader.read();
      reader.releaseLock();
      return r.text();
    },
  ],
  [
    'text() after a reader that read nothing was released',
    {},
    async (r) => {
      stream(r).getReader().releaseLock();
      return r.text();
    },
  ],
  [
    'async iteration',
    { body: ['a', 'b'] },
    (r) => collected(stream(r) as unknown as AsyncIterable<Uint8Array>),
  ],
  [
    'async iteration that breaks off',
    { body: ['a', 'b'] },
    async (r) => {
      for await (const _ of stream(r) as unknown as AsyncIterable<Uint8Array>) break;
      return [r.bodyUsed, stream(r).locked];
    },
  ],
  [
    'body.cancel()',
    {},
    async (r) => {
      await stream(r).cancel();
      return r.bodyUsed;
    },
  ],
  [
    'text() after body.cancel()',
    {},
    async (r) => {
      await stream(r).cancel();
      return r.text();
    },
  ],
  [
    'reader.cancel()',
    {},
    async (r) => {
      const reader = stream(r).getReader();
      await reader.cancel();
      return (await reader.read()).done;
    },
  ],
  [
    'body.tee()',
    {},
    async (r) => {
      const [a, b] = stream(r).tee();
      return [await collected(a), await collected(b)];
    },
  ],
  ['pipeThrough', {}, (r) => collected(stream(r).pipeThrough(new TransformStream()))],
  [
    'clone()',
    {},
    async (r) => {
      const copy = r.clone();
      return [await copy.text(), await r.text(), copy instanceof Response];
    },
  ],
  [
    'clone() twice',
    {},
    async (r) => {
      const [a, b] = [r.clone(), r.clone()];
      return [await a.text(), await b.text(), await r.text()];
    },
  ],
  [
    'clone() has headers of its own',
    { headers: { a: '1' } },
    (r) => {
      const copy = r.clone();
      copy.headers.set('a', '2');
      return r.headers.get('a');
    },
  ],
  [
    'clone() takes changed headers along',
    {},
    (r) => {
      r.headers.set('a', '1');
      return r.clone().headers.get('a');
    },
  ],
  [
    'clone() of a read clone',
    {},
    async (r) => {
      const copy = r.clone();
      await copy.text();
      return copy.clone();
    },
  ],
  [
    'new Response(body, response)',
    { status: 201, statusText: 'Made', headers: { a: '1' } },
    async (r) => {
      const anew = new Response(r.body, r);
      return [anew.status, anew.statusText, [...anew.headers], await anew.text(), r.bodyUsed];
    },
  ],
  ['new Response(text, response)', { status: 404, headers: { a: '1' } }, (r) => new Response('other', r)],
  ['headers', { headers: { a: '1', 'content-type': 'x' } }, (r) => r.headers],
  ['headers are always the same', {}, (r) => r.headers === r.headers],
  [
    'headers in any case',
    { headers: { 'request-id': '1' } },
    (r) => [r.headers.get('Request-Id'), r.headers.has('REQUEST-ID'), r.headers.get('none')],
  ],
  [
    'headers can be changed',
    { headers: { a: '1' } },
    (r) => {
      r.headers.set('a', '2');
      r.headers.append('a', '3');
      r.headers.delete('b');
      return r.headers;
    },
  ],
  [
    'several set-cookie',
    { headers: { 'set-cookie': ['a=1', 'b=2'] } },
    (r) => [r.headers.getSetCookie(), [...r.headers]],
  ],
  ['several of another name', { headers: { link: ['a', 'b'] } }, (r) => r.headers.get('link')],
  ['a broken body', { fail: new RangeError('reset') }, (r) => r.text()],
  ['a broken body as json()', { fail: new RangeError('reset') }, (r) => r.json()],
  ['a broken body as stream', { fail: new RangeError('reset') }, (r) => collected(stream(r))],
  ['a broken body as blob()', { fail: new RangeError('reset') }, (r) => r.blob()],
  [
    'reading a broken body again',
    { fail: new RangeError('reset') },
    async (r) => {
      await r.text().catch(() => undefined);
      return [r.bodyUsed, await outcome(() => r.text())];
    },
  ],
];

describe('a LazyResponse is like a native Response:', () => {
  it.each(cases)('%s', async (_, made, use) => {
    expect(await outcome(() => use(lazy(made)))).toEqual(await outcome(() => use(native(made))));
  });

  it.each([204, 205, 304])('takes a null body with status %i', (status) => {
    const response = lazy({ status, body: null });
    expect([response.status, response.body, response.bodyUsed]).toEqual([status, null, false]);
  });

  it('can be printed', () => {
    const response = lazy({ status: 404, headers: { a: '1' } });
    expect(inspect(response)).toContain('status: 404');
    expect(response.bodyUsed).toBe(false);
  });
});

describe('its shortcuts', () => {
  it('read headers without creating them, and see what was changed once they are there', () => {
    for (const response of [
      lazy({ headers: { a: '1', 'set-cookie': ['x', 'y'] } }),
      native({ headers: { a: '1', 'set-cookie': ['x', 'y'] } }),
    ]) {
      expect(LazyResponse.header(response, 'a')).toBe('1');
      expect(LazyResponse.header(response, 'set-cookie')).toBe('x, y');
      expect(LazyResponse.header(response, 'none')).toBeUndefined();
      expect(LazyResponse.headerRecord(response)).toEqual({ a: '1', 'set-cookie': ['x', 'y'] });
      response.headers.set('a', '2');
      response.headers.delete('set-cookie');
      expect(LazyResponse.header(response, 'a')).toBe('2');
      expect(LazyResponse.headerRecord(response)).toEqual({ a: '2' });
    }
  });

  it('take a body away, after which it counts as used until another is put in its place', async () => {
    const response = lazy({});
    const body = LazyResponse.takeBody(response);
    expect(response.bodyUsed).toBe(true);
    await expect(response.text()).rejects.toThrow(TypeError);
    expect(() => LazyResponse.takeBody(response)).toThrow('a plugin must return what it read anew');
    expect(await LazyResponse.putBody(response, body).text()).toBe('hello');
    expect(await LazyResponse.putBody(response, { bytes: bytesSource(Buffer.from('other')) }).text()).toBe(
      'other',
    );
  });

  it('take the body of a response that was looked at or cloned', async () => {
    const touched = lazy({});
    void touched.body;
    LazyResponse.putBody(touched, LazyResponse.takeBody(touched));
    expect(await touched.text()).toBe('hello');
    const cloned = lazy({});
    const copy = cloned.clone();
    LazyResponse.putBody(cloned, LazyResponse.takeBody(cloned));
    expect([await copy.text(), await cloned.text()]).toEqual(['hello', 'hello']);
  });

  it('refuse a body that is locked or was read', async () => {
    const read = lazy({});
    await stream(read).getReader().read();
    const locked = lazy({});
    stream(locked).getReader();
    for (const response of [read, locked]) expect(() => LazyResponse.takeBody(response)).toThrow(TypeError);
  });

  it('tell a lazy response from others', () => {
    expect([LazyResponse.is(lazy({})), LazyResponse.is(native({}))]).toEqual([true, false]);
    expect(LazyResponse.factsOf(native({}))).toBeUndefined();
  });
});

describe('changeHeaders', () => {
  const headers = { 'content-type': 'text/plain', 'x-old': '1', 'set-cookie': ['a=1', 'b=2'] };
  const changes = { 'x-new': 'é', 'x-old': undefined, 'content-type': 'text/html', 'x-absent': undefined };
  const expected = [
    ['content-type', 'text/html'],
    ['set-cookie', 'a=1'],
    ['set-cookie', 'b=2'],
    ['x-new', 'é'],
  ];

  it.each([
    ['of a response that nobody has looked at', (): Response => lazy({ headers })],
    [
      'of one whose headers were looked at',
      (): Response => {
        const response = lazy({ headers });
        void response.headers;
        return response;
      },
    ],
    ["of the runtime's own", (): Response => native({ headers })],
  ])('sets and removes, %s', (_, make) => {
    const response = make();
    changeHeaders(response, changes);
    expect([...response.headers]).toEqual(expected);
    changeHeaders(response, { 'x-new': undefined });
    expect(response.headers.has('x-new')).toBe(false);
  });

  it('leaves the record alone that others may hold', () => {
    const response = lazy({ headers });
    const before = headerRecord(response);
    changeHeaders(response, changes);
    expect(before).toEqual(headers);
    expect(headerRecord(response)).toMatchObject({ 'x-new': 'é', 'content-type': 'text/html' });
  });

  it('refuses at once what no header may hold', () => {
    for (const value of ['a\r\nx: 1', 'a\0', '中文'])
      for (const make of [lazy, native])
        expect(() => changeHeaders(make({}), { 'x-new': value })).toThrow(TypeError);
  });
});
