import { describe, expect, it } from 'vitest';
import { BEHAVIOUR_FIELDS } from './behaviour-fields.ts';
import { parseBehaviour } from './parse-behaviour.ts';

describe('parseBehaviour', () => {
  it('knows every behaviour by its name alone, but for those that need bytes', () => {
    for (const kind of Object.keys(BEHAVIOUR_FIELDS)) {
      if (kind === 'raw' || kind === 'fixture') expect(() => parseBehaviour(kind)).toThrow('needs its bytes');
      else expect(parseBehaviour(kind)).toEqual({ kind });
    }
  });

  it.each([
    ['reset-mid-stream; afterEvents=3', { kind: 'reset-mid-stream', afterEvents: 3 }],
    ['  reset-mid-stream;afterEvents = 3 ; ', { kind: 'reset-mid-stream', afterEvents: 3 }],
    [
      'status; status=429; retryAfter=Wed, 21 Oct 2026 07:28:00 GMT',
      { kind: 'status', status: 429, retryAfter: 'Wed, 21 Oct 2026 07:28:00 GMT' },
    ],
    [
      'status; message="a; \\"b\\" = \\u4f60"; times=2; delayMs=5',
      { kind: 'status', message: 'a; "b" = 你', times: 2, delayMs: 5 },
    ],
    ['flood; bytes=Infinity', { kind: 'flood', bytes: Infinity }],
    [
      'answer; headers="{\\"x-a\\":\\"b;c\\"}"; tag=1',
      { kind: 'answer', headers: { 'x-a': 'b;c' }, tag: '1' },
    ],
    ['fixture; body=abc; splitAt=[1,2]', { kind: 'fixture', body: 'abc', splitAt: [1, 2] }],
    ['raw; bytes=base64:AAEC; ending=rst', { kind: 'raw', bytes: Buffer.from([0, 1, 2]), ending: 'rst' }],
    ['raw; bytes="HTTP/1.1 200 OK\\r\\n\\r\\n"', { kind: 'raw', bytes: 'HTTP/1.1 200 OK\r\n\r\n' }],
  ])('reads %s', (line, behaviour) => {
    expect(parseBehaviour(line)).toEqual(behaviour);
  });

  it.each([
    ['', 'no behaviour ""'],
    ['nonsense', 'there are: answer, status'],
    ['constructor', 'no behaviour "constructor"'],
    ['stall; when=later', 'stall has no "when"; it has: at, afterEvents, stallMs, delayMs, times, tag'],
    ['stall; constructor=1', 'stall has no "constructor"'],
    ['stall; at=never', 'at is one of: before-headers'],
    ['stall; stallMs=soon', 'stallMs is a number of at least 0'],
    ['stall; stallMs=-1', 'stallMs is a number of at least 0'],
    ['stall; stallMs=', 'stallMs is a number of at least 0'],
    ['stall stallMs=5', 'expected "; field=value" at "stallMs=5"'],
    ['status; message="open', 'expected "; field=value"'],
    ['answer; usage=not json', 'JSON'],
  ])('refuses %j', (line, message) => {
    expect(() => parseBehaviour(line)).toThrow(SyntaxError);
    expect(() => parseBehaviour(line)).toThrow(message);
  });
});
