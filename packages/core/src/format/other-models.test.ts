import { describe, expect, it } from 'vitest';
import type { ApiRequest } from '../request.ts';
import { FORMATS } from './formats.ts';

const request = (body: string): ApiRequest => ({
  method: 'POST',
  url: 'https://h/',
  headers: {},
  body: new Uint8Array(Buffer.from(body)),
  signal: new AbortController().signal,
});

describe.each(FORMATS.map((format) => [format.name, format] as const))('%s', (_, format) => {
  const others = (body: unknown): readonly string[] | undefined =>
    format.otherModels?.(request(typeof body === 'string' ? body : JSON.stringify(body)));

  it.each<[unknown, readonly string[]]>([
    [{ model: 'a' }, []],
    [{ model: 'a', fallbacks: [{ model: 'b' }, { model: 'c' }] }, ['b', 'c']],
    [{ model: 'a', fallbacks: ['b'] }, ['b']],
    [{ model: 'a', models: ['b', 'c'] }, ['b', 'c']],
    [{ fallbacks: 'b' }, ['b']],
    [{ model: 'a', fallbacks: { model: 'b' } }, ['b']],
    [{ model: 'a', tools: [{ type: 'advisor', model: 'b' }, { name: 'get' }] }, ['b']],
    // It is somebody else's word for a model: nobody may take it for an allowed one.
    [{ model: 'a', fallbacks: [{ model: { id: 'b' } }, 7, { id: 'b' }] }, ['', '', '']],
    [{ model: 'a', fallbacks: null, tools: [null] }, []],
    [{ model: 'a', tools: [{ input_schema: { properties: { model: { type: 'string' } } } }] }, []],
    [{ model: 'a', messages: [{ content: '"fallbacks": [{"model": "b"}]' }] }, []],
    ['{"model":"a","f\\u0061llbacks":[{"model":"b"}]}', ['b']],
    ['{"model":"a","fallback\\u0073":["b"]}', ['b']],
    ['{"model":"a","tools":[{"m\\u006Fdel":"b"}]}', ['b']],
    ['no json', []],
  ])('%j names, beside its model, %j', (body, found) => {
    expect(others(body)).toEqual(found);
  });

  it('what may name others and cannot be read is refused: an upstream may be able to read it', () => {
    expect(() => others('{"model":"a","top_p":NaN,"fallbacks":[{"model":"b"}]}')).toThrow(
      expect.objectContaining({ code: 'invalid_request' }) as Error,
    );
  });

  it('a body that names one model is not parsed', () => {
    expect(others('{"model":"a","messages":[NaN]}')).toEqual([]);
  });

  it('no body names none', () => {
    expect(format.otherModels?.({ ...request(''), body: null })).toEqual([]);
  });
});
