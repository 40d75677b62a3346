import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PipelineError } from '../errors.ts';
import { DEFAULT_JSON_LIMITS, inspectJson } from './inspect.ts';

const inspect = (text: string, limits = DEFAULT_JSON_LIMITS) => inspectJson(Buffer.from(text), limits);
const refusal = (text: string, limits = DEFAULT_JSON_LIMITS): string | undefined => {
  try {
    inspect(text, limits);
  } catch (error) {
    return PipelineError.is(error) ? error.code : String(error);
  }
  return undefined;
};

/** What may stand between the tokens. */
const space = fc.constantFrom('', ' ', '\n', '\t', '\r\n  ');

describe('inspectJson', () => {
  it.each([
    ['{"stream":true}', true],
    ['{"stream" \n:\t true }', true],
    ['{"model":"m","messages":[{"role":"user"}],"stream":true,"max_tokens":1}', true],
    ['\ufeff{"stream":true}', true],
    ['{"stream":false}', false],
    ['{"stream":null}', false],
    ['{"stream":"true"}', false],
    ['{"stream":1}', false],
    ['{"stream":[true]}', false],
    ['{"Stream":true}', false],
    ['{"streams":true}', false],
    ['{"a":{"stream":true}}', false],
    ['{"a":[{"stream":true}],"b":1}', false],
    ['[{"stream":true}]', false],
    ['{"a":"stream","b":true}', false],
    ['{"a":"\\"stream\\":true"}', false],
    ['{"a":"{\\"stream\\":true","b":1}', false],
    ['{"a":"\\\\","stream":true}', true],
    ['{"a":"\\\\\\"","stream":true}', true],
    [`{"a":"${'x'.repeat(47)}\\\\","stream":true}`, true],
    [`{"a":"${'x'.repeat(48)}\\"}","stream":true}`, true],
    [`{"a":"${'\\\\'.repeat(100)}","stream":true}`, true],
    [`{"a":"${'\\"'.repeat(100)}","stream":true}`, true],
    ['{"a":"]}]}","stream":true}', true],
    ['{"stre\\u0061m":true}', true],
    ['{"\\u0073\\u0074\\u0072\\u0065\\u0061\\u006d":true}', true],
    ['', false],
    ['no json', false],
    ['{"stream"', false],
    ['{"stream":', false],
    ['{"a":"unfinished', false],
    ['{"a":"unfinished\\', false],
    ['}}}', false],
  ])('%s asks for a stream: %s', (text, streamed) => {
    expect(inspect(text)).toMatchObject({ streamed });
  });

  it.each([
    ['{"max_tokens":64}', 64],
    ['{"max_tokens" : 64 , "stream":true}', 64],
    ['{"max_completion_tokens":7}', 7],
    ['{"max_output_tokens":8}', 8],
    ['{"max_tokens":1,"max_completion_tokens":10000}', 10_000],
    ['{"n":3,"max_tokens":5}', 15],
    ['{"max_tokens":5,"n":0}', 5],
    ['{"max_tokens":null}', undefined],
    ['{"max_tokens":"64"}', undefined],
    ['{"max_tokens":1.5}', undefined],
    ['{"max_tokens":1e3}', undefined],
    ['{"max_tokens":-1}', undefined],
    ['{"max_tokens":', undefined],
    ['{"a":{"max_tokens":1}}', undefined],
    ['{"n":2}', undefined],
    [`{"max_tokens":${'9'.repeat(400)}}`, 1e12],
  ])('%s allows this much output: %s', (text, maxOutputTokens) => {
    expect(inspect(text).maxOutputTokens).toBe(maxOutputTokens);
  });

  it('counts depth and values, and refuses what is beyond', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    expect(refusal(nested(64))).toBeUndefined();
    expect(refusal(nested(65))).toBe('json_too_complex');
    expect(refusal('{"a":'.repeat(65))).toBe('json_too_complex');
    expect(refusal('['.repeat(10_000_000))).toBe('json_too_complex');
    expect(refusal(`"${'['.repeat(1_000)}"`)).toBeUndefined();
    const list = (length: number): string => `[${Array(length).fill('0').join(',')}]`;
    expect(refusal(list(10), { maxDepth: 64, maxNodes: 10 })).toBeUndefined();
    expect(refusal(list(11), { maxDepth: 64, maxNodes: 10 })).toBe('json_too_complex');
    expect(refusal('[[],[],[],[],[],[]]', { maxDepth: 64, maxNodes: 10 })).toBe('json_too_complex');
    expect(refusal('{"a":1,"b":2,"c":3,"d":4}', { maxDepth: 64, maxNodes: 7 })).toBe('json_too_complex');
  });

  it.each([
    '{"model":"a","model":"b"}',
    '{"model":"a","x":{"model":1},"model":"b"}',
    '{"stream":false,"stream":true}',
    '{"a\\"b":1,"a\\"b":2}',
    '{"":1,"":2}',
    '{"ü":1,"ü":2}',
    '{"model":"a","mod\\u0065l":"b"}',
    '{"a/b":1,"a\\/b":2}',
    '{"__proto__":{}}',
    '{"a":[{"b":{"__proto__" : 1}}]}',
    '{"__pr\\u006fto__":{}}',
  ])('refuses %s: plugins and upstream might not see the same', (text) => {
    expect(refusal(text)).toBe('duplicate_key');
  });

  it.each([
    '{"a":{"b":1},"c":{"b":1}}',
    '[{"a":1},{"a":1}]',
    '{"a":"__proto__"}',
    '{"a":["__proto__"]}',
    '{"a":"a","b":"a"}',
    '{"A":1,"a":2}',
    '{"u0061":1,"a":2}',
  ])('lets %s pass', (text) => {
    expect(refusal(text)).toBeUndefined();
  });

  it('agrees with JSON.parse on streaming and depth, however the JSON is written', () => {
    const depthOf = (value: unknown): number =>
      typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
    const written = (value: unknown, next: () => string): string => {
      if (Array.isArray(value))
        return `[${next()}${value.map((item) => written(item, next)).join(`${next()},${next()}`)}${next()}]`;
      if (typeof value === 'object' && value !== null) {
        const entries = Object.entries(value).map(
          ([key, item]) => `${JSON.stringify(key)}${next()}:${next()}${written(item, next)}`,
        );
        return `{${next()}${entries.join(`${next()},${next()}`)}${next()}}`;
      }
      return JSON.stringify(value);
    };
    const text = fc.string({
      unit: fc.constantFrom('a', '"', '\\', '{', '}', '[', ']', ':', ',', 'stream', 'ü', '\n', '😀'),
      maxLength: 60,
    });
    const body = fc.tuple(
      fc.dictionary(text, fc.jsonValue({ maxDepth: 3 })),
      fc.constantFrom(true, false, null, 'true', undefined),
      fc.boolean(),
    );
    fc.assert(
      fc.property(
        body,
        fc.array(space, { minLength: 1, maxLength: 9 }),
        ([fields, stream, first], spaces) => {
          delete fields['stream'];
          const own = stream === undefined ? {} : { stream };
          const value = first ? { ...own, ...fields } : { ...fields, ...own };
          let turn = 0;
          const json = written(value, () => spaces[turn++ % spaces.length] as string);
          if (json.includes('__proto__')) return;
          const parsed = JSON.parse(json) as { stream?: unknown };
          expect(inspect(json)).toMatchObject({ streamed: parsed.stream === true });
          const depth = depthOf(parsed);
          expect(refusal(json, { maxDepth: Math.max(1, depth), maxNodes: 10_000 })).toBeUndefined();
          if (depth > 1)
            expect(refusal(json, { maxDepth: depth - 1, maxNodes: 10_000 })).toBe('json_too_complex');
        },
      ),
      { numRuns: 500 },
    );
  });

  it('never throws anything but its refusals, whatever the bytes', () => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    const shards = fc.array(
      fc.constantFrom('{', '}', '[', ']', '"', '\\', ':', ',', ' ', 'stream', 'true', '\\u0061'),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          bytes,
          shards.map((list) => Buffer.from(list.join(''))),
        ),
        (input) => {
          try {
            inspectJson(input, DEFAULT_JSON_LIMITS);
          } catch (error) {
            expect(PipelineError.is(error)).toBe(true);
          }
        },
      ),
    );
  });

  it('takes time in proportion to the length of hostile input', () => {
    const hostile: readonly ((n: number) => string)[] = [
      (n) => `{"a":"${'\\"'.repeat(n)}`,
      (n) => `{"a":"${'\\\\'.repeat(n)}"}`,
      (n) => `{"a":"${'\\'.repeat(n)}`,
      (n) => `["${'","'.repeat(n)}`,
      (n) => `["a"${' '.repeat(n)},"b"${' '.repeat(n)}:`,
      (n) => '"" '.repeat(n),
      (n) => `{"stream"${' '.repeat(n)}:${' '.repeat(n)}`,
    ];
    const limits = { maxDepth: 64, maxNodes: Infinity };
    for (const make of hostile) {
      const cost = (n: number): number => {
        const input = Buffer.from(make(n));
        let best = Infinity;
        for (let i = 0; i < 3; i++) {
          const start = performance.now();
          inspectJson(input, limits);
          best = Math.min(best, performance.now() - start);
        }
        return best;
      };
      // 64 times the input: linear is 64, quadratic is 4,096.
      expect(cost(1_280_000) / Math.max(cost(20_000), 0.05)).toBeLessThan(1_000);
    }
  });
});
