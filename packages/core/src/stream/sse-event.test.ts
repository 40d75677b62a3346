import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SseDecoder } from './sse-decoder.ts';
import { SseEvent } from './sse-event.ts';

const limits = { maxLineBytes: 1 << 20, maxEventBytes: 1 << 22 };

describe('SseEvent.of', () => {
  it('writes one event, whatever the type and data hold', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', ' ', ':', '\n', '\r', '\r\n', 'data', 'event: x', 'ü', '😀'),
      maxLength: 12,
    });
    fc.assert(
      fc.property(text, text, (type, data) => {
        const decoder = new SseDecoder(limits);
        const batch = decoder.push(SseEvent.of(type, data).raw);
        expect(batch?.events).toHaveLength(1);
        expect(decoder.rest()).toBeUndefined();
        const [event] = batch?.events ?? [];
        expect(event?.data).toBe(data.replaceAll(/\r\n|\r|\n/g, '\n'));
        expect(event?.type).toBe(type.replaceAll(/\r\n|\r|\n/g, ' ') || 'message');
      }),
    );
  });

  it('names no type where it is message', () => {
    expect(Buffer.from(SseEvent.of('message', 'x').raw).toString()).toBe('data: x\n\n');
    expect(Buffer.from(SseEvent.of('ping', '{}').raw).toString()).toBe('event: ping\ndata: {}\n\n');
  });
});

describe('an event', () => {
  const read = (text: string): SseEvent => new SseEvent(Buffer.from(text));

  it('is parsed as JSON once, and is undefined where it is none', () => {
    const event = read('data: {"a":[1]}\n\n');
    expect(event.json).toEqual({ a: [1] });
    expect(event.json).toBe(event.json);
    expect(read('data: [DONE]\n\n').json).toBeUndefined();
    expect(read(': comment\n\n').json).toBeUndefined();
  });

  it('with other data keeps its type', () => {
    const changed = read('event: a\nid: 7\ndata: {"b":1}\n\n').withJson({ c: 'x\ny' });
    expect(Buffer.from(changed.raw).toString()).toBe('event: a\ndata: {"c":"x\\ny"}\n\n');
    expect(changed.json).toEqual({ c: 'x\ny' });
  });

  it.each([
    ['data\n\n', 'message', '', true],
    ['data:\n\n', 'message', '', true],
    ['data: a\ndata\ndata:b\n\n', 'message', 'a\n\nb', true],
    ['datax: a\n\n', 'message', '', false],
    ['event: a\nevent: b\ndata: 1\n\n', 'b', '1', true],
    ['event: a\nevent\ndata: 1\n\n', 'message', '1', true],
    ['\n', 'message', '', false],
    ['', 'message', '', false],
    ['data: no blank line', 'message', 'no blank line', true],
  ])('%j has type %s and data %j', (text, type, data, hasData) => {
    const event = read(text);
    expect([event.type, event.data, event.hasData]).toEqual([type, data, hasData]);
  });
});
