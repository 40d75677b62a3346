import { isDeepStrictEqual } from 'node:util';
import { anthropicMessages, type ApiRequest, openaiChat, jsonNodes } from '@sluice/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson } from './canonical.ts';
import { bodyDigest, cacheKey, keyInputs } from './key.ts';
import { readRules } from './rules.ts';
import { type Scope, scopeOf } from './scope.ts';

const PAIRS = 100_000;
const rulesByName = readRules({});

const { signal } = new AbortController();

/** One call, as far as its key goes. */
interface Asked {
  readonly scope: Scope;
  readonly chat: boolean;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly regions: readonly string[] | undefined;
  readonly streamed: boolean;
  readonly body: Readonly<Record<string, unknown>>;
}

function keyOf({ scope, chat, path, headers, regions, streamed, body }: Asked, secret?: string): string {
  const format = chat ? openaiChat : anthropicMessages;
  const rules = rulesByName.get(format.name);
  if (rules === undefined) throw new Error('no rules');
  const request: ApiRequest = {
    method: 'POST',
    url: `https://upstream.test${path}`,
    headers,
    body: null,
    signal,
  };
  const model = typeof body['model'] === 'string' ? body['model'] : undefined;
  const canonical = canonicalJson(rules.normalise?.(body) ?? body, rules.tree);
  const digest = bodyDigest(canonical, new Uint8Array());
  return cacheKey(keyInputs(request, { format, model, streamed }, rules, scope, regions, digest), secret);
}

/** The same inputs said in another way: a value to compare deeply, made without any of the code under test. */
function meaningOf({ scope, chat, path, headers, regions, streamed, body }: Asked): unknown {
  const { metadata: _, service_tier: __, stream: ___, ...rest } = body;
  const { speed: ____, cache_control: _____, ...anthropic } = rest;
  const { user: ______, ...openai } = rest;
  const name = chat ? 'openai-beta' : 'anthropic-beta';
  const set = [...new Set((headers[name] ?? '').split(',').map((flag) => flag.trim()))].filter(Boolean);
  return {
    scope,
    chat,
    streamed,
    kept: chat ? openai : anthropic,
    set: set.toSorted(),
    version: chat ? '' : (headers['anthropic-version'] ?? ''),
    path: path.replace('?beta=true', ''),
    regions: regions?.toSorted() ?? null,
  };
}

/** Few values, so that equal ones meet; and such as try to reach into their neighbours. */
const word = fc.constantFrom(
  'a',
  'b',
  '',
  '1',
  'a,b',
  '","',
  '1:a',
  '\ud800',
  '\udfff',
  '名字',
  'null',
  '["a"]',
  '__proto',
);
const scope = fc.oneof(
  fc.tuple(fc.constantFrom('tenant', 'principal'), word),
  fc.tuple(fc.constant('member'), word, word),
  fc.tuple(fc.constant('credentials'), word, word, word, word),
  fc.tuple(fc.constant('shared')),
) as fc.Arbitrary<Scope>;
const value = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 2, depthSize: 'small' },
    word,
    fc.constantFrom<unknown>(0, 1, 1.5, true, false, null, '0', 'true'),
    fc.array(tie('value'), { maxLength: 2 }),
    fc.dictionary(fc.constantFrom('a', 'b', '10', '9', 'metadata', 'stream'), tie('value'), { maxKeys: 2 }),
  ),
})).value;
const body = fc.record(
  {
    model: fc.constantFrom('m', 'n'),
    messages: fc.array(value, { maxLength: 2 }),
    system: word,
    temperature: fc.constantFrom(0, 1),
    metadata: value,
    service_tier: word,
    speed: word,
    user: word,
    cache_control: value,
    stream: fc.boolean(),
  },
  { requiredKeys: [] },
);
const asked: fc.Arbitrary<Asked> = fc.record({
  scope,
  chat: fc.boolean(),
  path: fc.constantFrom('/v1/messages', '/v1/messages?beta=true', '/v1/messages/count_tokens'),
  headers: fc.record(
    {
      'anthropic-version': fc.constantFrom('1', '2'),
      'anthropic-beta': fc.constantFrom('a', 'a,b', 'b, a', 'b,a,a', ''),
      'openai-beta': fc.constantFrom('a', 'a,b'),
      'user-agent': word,
    },
    { requiredKeys: [] },
  ),
  regions: fc.option(fc.constantFrom(['eu'], ['eu', 'us'], ['us', 'eu'], []), { nil: undefined }),
  streamed: fc.boolean(),
  body,
});
/** Drawn once: making them anew for each pair takes ten times as long as comparing them. */
const drawn = fc.sample(asked, 4_000);
const FIELDS = ['scope', 'chat', 'path', 'headers', 'regions', 'streamed', 'body'] as const;
/** Two of which most things are the same: two drawn apart would hardly ever be equal. Three bits say of each whether. */
const pair = fc
  .tuple(fc.nat(drawn.length - 1), fc.nat(drawn.length - 1), fc.nat(8 ** FIELDS.length - 1))
  .map(([one, other, dice]): [Asked, Asked] => {
    const [mine, theirs] = [drawn[one] as Asked, drawn[other] as Asked];
    const changed = FIELDS.filter((_, i) => ((dice >> (3 * i)) & 7) === 0);
    return [mine, { ...mine, ...Object.fromEntries(changed.map((name) => [name, theirs[name]])) }];
  });

describe('a key', () => {
  test(`is the same exactly when what was asked is the same, in ${PAIRS} pairs`, () => {
    let same = 0;
    fc.assert(
      fc.property(pair, ([one, other]) => {
        const alike = isDeepStrictEqual(meaningOf(one), meaningOf(other));
        if (alike) same++;
        if ((keyOf(one) === keyOf(other)) !== alike)
          throw new Error(alike ? 'two keys for one' : 'one key for two');
      }),
      { numRuns: PAIRS },
    );
    // Else it would have shown half of it.
    expect(same).toBeGreaterThan(PAIRS / 20);
    expect(PAIRS - same).toBeGreaterThan(PAIRS / 20);
  });

  test(`is never one for two scopes, whatever they are called, in ${PAIRS} pairs`, () => {
    const calls = fc.sample(asked, 200);
    const ascii = fc.string({ maxLength: 4 });
    const any = fc.oneof(
      scope,
      fc.tuple(fc.constantFrom('tenant', 'principal'), ascii) as fc.Arbitrary<Scope>,
    );
    fc.assert(
      fc.property(fc.nat(199), any, any, (n, one, other) => {
        const call = calls[n] as Asked;
        if (isDeepStrictEqual(one, other)) return;
        if (keyOf({ ...call, scope: one }) === keyOf({ ...call, scope: other })) throw new Error('shared');
      }),
      { numRuns: PAIRS },
    );
  });

  test('does not depend on how the JSON is spelt', () => {
    fc.assert(
      fc.property(asked, (call) => {
        const turned = Object.fromEntries(Object.entries(call.body).toReversed());
        expect(keyOf({ ...call, body: turned })).toBe(keyOf(call));
        expect(
          keyOf({ ...call, body: JSON.parse(JSON.stringify(call.body, null, 2)) as object as Asked['body'] }),
        ).toBe(keyOf(call));
      }),
      { numRuns: 2_000 },
    );
  });

  test('cannot be computed without the secret', () => {
    const [call] = fc.sample(asked, 1) as [Asked];
    const keys = [keyOf(call), keyOf(call, 'secret one 123456'), keyOf(call, 'secret two 123456')];
    expect(new Set(keys)).toHaveLength(3);
    for (const key of keys) expect(key).toMatch(/^[\w-]{43}$/);
  });

  test('leaves out the name that Claude Code puts on top, and nothing else that looks like it', () => {
    const call = fc.sample(asked, 1)[0] as Asked;
    const withSystem = (...texts: string[]): string =>
      keyOf({ ...call, chat: false, body: { system: texts.map((text) => ({ type: 'text', text })) } });
    const named = 'x-anthropic-billing-header: cc_version=2; cc_entrypoint=cli';
    expect(withSystem(named, 'a')).toBe(withSystem('x-anthropic-billing-header: cc_version=1', 'a'));
    expect(withSystem('a', named)).not.toBe(withSystem('a'));
    expect(withSystem(`${named}\nDo this`, 'a')).not.toBe(withSystem(`${named}\nDo that`, 'a'));
  });

  test('leaves out cache_control where the API has it, and nowhere else', () => {
    const call = { ...(fc.sample(asked, 1)[0] as Asked), chat: false };
    const mark = { cache_control: { type: 'ephemeral' } };
    const key = (extra: object, input: object): string =>
      keyOf({
        ...call,
        body: {
          system: [{ type: 'text', text: 's', ...extra }],
          tools: [{ name: 't', input_schema: input, ...extra }],
          messages: [
            { role: 'user', content: [{ type: 'text', text: 'x', ...extra }] },
            {
              role: 'user',
              content: [{ type: 'tool_result', content: [{ type: 'text', text: 'y', ...extra }] }],
            },
            { role: 'assistant', content: [{ type: 'tool_use', input, ...extra }] },
          ],
          ...extra,
        },
      });
    expect(key(mark, {})).toBe(key({}, {}));
    expect(key({}, mark)).not.toBe(key({}, {}));
  });
});

describe('a scope', () => {
  const request = (headers: Record<string, string>): ApiRequest => ({
    method: 'POST',
    url: 'https://a.test/',
    headers,
    body: null,
    signal: new AbortController().signal,
  });

  test('is the tenant, else the principal, else the credential', () => {
    expect(scopeOf('tenant', { id: 'p', tenant: 't' }, request({}))).toEqual(['tenant', 't']);
    expect(scopeOf('tenant', { id: 'p' }, request({ 'x-api-key': 'k' }))).toEqual(['principal', 'p']);
    expect(scopeOf('principal', { id: 'p', tenant: 't' }, request({}))).toEqual(['member', 't', 'p']);
    expect(scopeOf('tenant', undefined, request({ 'x-api-key': 'k' }))).toEqual([
      'credentials',
      '',
      'k',
      '',
      '',
    ]);
    expect(scopeOf('shared', { id: 'p', tenant: 't' }, request({}))).toEqual(['shared']);
  });
});

describe('the count of nodes', () => {
  test('is that of the parsed value, for any JSON without a field named twice', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 1, '\t'), (json, indent) => {
        const text = JSON.stringify(json, null, indent);
        expect(jsonNodes(Buffer.from(text))).toBe(canonicalJson(JSON.parse(text), {}).nodes);
      }),
      { numRuns: 2_000 },
    );
  });

  test.each(['{"a":1,"a":2}', '{"a":[{"b":1,"b":1}]}', '{"a":{},"\\u0061":1}'])(
    'is higher for %s',
    (text) => {
      expect(jsonNodes(Buffer.from(text))).toBeGreaterThan(canonicalJson(JSON.parse(text), {}).nodes);
    },
  );
});
