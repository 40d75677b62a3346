import { describe, expect, it } from 'vitest';
import { splitTokens } from './split-tokens.ts';
import { sse } from './sse.ts';

describe('sse', () => {
  it('writes named, data-only, object and many-line events', () => {
    const text = sse([
      { event: 'ping', data: '{"type": "ping"}' },
      { data: '[DONE]' },
      { data: { a: 1 } },
      { event: 'x', data: 'one\ntwo' },
    ]);
    expect(text).toBe(
      'event: ping\ndata: {"type": "ping"}\n\n' +
        'data: [DONE]\n\n' +
        'data: {"a":1}\n\n' +
        'event: x\ndata: one\ndata: two\n\n',
    );
  });
});

describe('splitTokens', () => {
  it.each([
    '',
    ' ',
    'You said: hello world',
    '你说的是：把这句话拆开',
    'mixed 中文 and 😀😀😀 emoji\n\n  ',
    'x'.repeat(100),
  ])('loses nothing of %j', (text) => {
    const tokens = splitTokens(text);
    expect(tokens.join('')).toBe(text);
    for (const token of tokens) expect(token.isWellFormed()).toBe(true);
  });

  it('cuts about as a model does', () => {
    expect(splitTokens('You said: hello')).toEqual(['You', ' said:', ' hello']);
    expect(splitTokens('你说的是')).toEqual(['你说', '的是']);
  });
});
