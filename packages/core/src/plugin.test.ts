import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { createPipeline } from './pipeline.ts';
import {
  definePlugin,
  type Middleware,
  named,
  type OptionSchema,
  type Plugin,
  type PluginInstance,
  when,
} from './plugin.ts';
import { provide } from './services.ts';
import { anthropicMessage } from './testing/anthropic-wire.ts';
import { testPipeline } from './testing/test-pipeline.ts';
import { token } from './token.ts';
import { TRANSPORT } from './transport/transport.ts';

const upstream = 'https://upstream.test';
const pass: Middleware = (request, next) => next(request);
const plain = (name: string, order: { outside?: string[]; inside?: string[] } = {}): Plugin =>
  definePlugin({ name, ...order, create: () => ({ handle: pass }) })();

interface LimitOptions {
  readonly max?: number;
  readonly window?: { readonly ms: number };
}
const limitSchema = v.strictObject({
  max: v.exactOptional(v.pipe(v.number('must be a number'), v.minValue(1, 'must be at least 1')), 10),
  window: v.exactOptional(v.strictObject({ ms: v.number('must be a number of milliseconds') })),
});
const seen: unknown[] = [];
const limit = definePlugin<LimitOptions, v.InferOutput<typeof limitSchema>>({
  name: 'limit',
  options: limitSchema,
  create: (options) => {
    seen.push(options);
    return { handle: pass };
  },
});

const assemble = (...plugins: readonly unknown[]) =>
  createPipeline({ upstream, plugins: plugins as readonly Plugin[] });
const complaint = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return (error as Error).message;
  }
  return expect.unreachable();
};

describe('options', () => {
  it('are validated and filled in when the pipeline is made, not before', () => {
    const wrong = limit({ max: 0 });
    expect(complaint(() => assemble(wrong))).toBe('plugin "limit": option "max": must be at least 1.');
    seen.length = 0;
    assemble(limit());
    assemble(limit({ max: 3 }));
    expect(seen).toEqual([{ max: 10 }, { max: 3 }]);
  });

  it('left undefined count as left out', () => {
    seen.length = 0;
    assemble(limit({ max: undefined } as unknown as LimitOptions));
    assemble(definePlugin({ name: 'none', create: () => ({ handle: pass }) })({ max: undefined } as object));
    expect(seen).toEqual([{ max: 10 }]);
  });

  it.each([
    [{ maximum: 1 }, 'plugin "limit": there is no option "maximum".'],
    [{ window: { ms: 1, s: 1 } }, 'plugin "limit": there is no option "window.s".'],
    [{ window: {} }, 'plugin "limit": option "window.ms" is missing.'],
    [{ max: '3' }, 'plugin "limit": option "max": must be a number.'],
    [
      { max: 0, window: { ms: 'x' } },
      'plugin "limit": option "max": must be at least 1; option "window.ms": must be a number of milliseconds.',
    ],
    [null, 'plugin "limit" takes its options as an object, { name: value }.'],
    [7, 'plugin "limit" takes its options as an object, { name: value }.'],
    [[1], 'plugin "limit" takes its options as an object, { name: value }.'],
  ])('%j is answered with one sentence', (options, sentence) => {
    expect(complaint(() => assemble(limit(options as LimitOptions)))).toBe(sentence);
  });

  it.each([
    [{ max: 1, min: 0 }, 'plugin "plain" takes no options; remove "max", "min".'],
    [null, 'plugin "plain" takes its options as an object, { name: value }.'],
    ['x', 'plugin "plain" takes its options as an object, { name: value }.'],
  ])('a plugin without options refuses %j', (options, sentence) => {
    const factory = definePlugin({ name: 'plain', create: () => ({ handle: pass }) });
    expect(complaint(() => assemble(factory(options as object)))).toBe(sentence);
  });

  it('are never quoted by a complaint: one of them may be a secret', () => {
    const options = v.strictObject({
      key: v.pipe(v.string(), v.regex(/^\w+$/)),
      pool: v.strictObject({}),
      either: v.union([v.literal('a'), v.literal('b')]),
    });
    const secretive = definePlugin({ name: 'x', options, create: () => ({ handle: (r, n) => n(r) }) });
    const given = { key: 'sk-canary\n', pool: 'sk-canary', either: 'sk-canary' };
    const make = () => assemble(secretive(given as never));
    expect(make).toThrow('option "pool": Invalid type: Expected Object');
    expect(make).not.toThrow('canary');
  });

  it('may be described by any Standard Schema, but not by an asynchronous one', () => {
    const schema: OptionSchema<object> = {
      '~standard': { validate: async (value) => ({ value: value as object }) },
    };
    const factory = definePlugin({ name: 'slow', options: schema, create: () => ({ handle: pass }) });
    expect(complaint(() => assemble(factory()))).toBe(
      'plugin "slow": its option schema is asynchronous; use a synchronous one.',
    );
    const path = {
      '~standard': { validate: () => ({ issues: [{ message: 'no', path: [{ key: 'a' }, 1] }] }) },
    };
    const complaining = definePlugin({ name: 'other', options: path, create: () => ({ handle: pass }) });
    expect(complaint(() => assemble(complaining()))).toBe('plugin "other": option "a.1": no.');
  });
});

describe('what stands in the array', () => {
  const sentence =
    'createPipeline: option "plugins.0": is no plugin; call the factory, retry() and not retry, or make one with definePlugin.';
  it.each([
    [limit],
    [pass],
    [undefined],
    [null],
    ['limit'],
    [{ name: 'mine', handle: pass }],
    [Promise.resolve(limit())],
  ])('refuses %s', (item) => {
    expect(complaint(() => assemble(item))).toBe(sentence);
  });

  it.each([
    ['undefined', () => undefined],
    ['a promise', async () => ({ handle: pass })],
    ['the function itself', () => pass],
    ['no handle', () => ({ start: () => undefined })],
  ])('refuses a plugin whose create returns %s', (_, create) => {
    const factory = definePlugin({ name: 'odd', create: create as unknown as () => PluginInstance });
    expect(complaint(() => assemble(factory()))).toBe(
      'plugin "odd": create must return { handle(request, next, ctx) { … } } synchronously; asynchronous set-up belongs into start().',
    );
  });

  it('may have methods on a prototype, with `when` too', async () => {
    class Counter {
      calls = 0;
      started = 0;
      closed = 0;
      handle: Middleware = (request, next) => {
        this.calls++;
        return next(request);
      };
      start(): void {
        this.started++;
      }
      close(): void {
        this.closed++;
      }
    }
    for (const wrap of [(plugin: Plugin) => plugin, (plugin: Plugin) => when(() => true, plugin)]) {
      const counter = new Counter();
      const test = testPipeline({
        plugins: [wrap(definePlugin({ name: 'counter', create: () => counter })())],
        answers: [new Response(anthropicMessage(), { headers: { 'content-type': 'application/json' } })],
      });
      await (await test.post()).text();
      await test.pipeline.close();
      expect(counter).toMatchObject({ calls: 1, started: 1, closed: 1 });
    }
  });

  it('makes an instance of its own in each pipeline', () => {
    let made = 0;
    const plugin = definePlugin({ name: 'counted', create: () => ({ made: made++, handle: pass }) })();
    assemble(plugin);
    assemble(plugin);
    expect(made).toBe(2);
  });
});

describe('order', () => {
  it('that breaks a rule is answered with what to move where', () => {
    expect(complaint(() => assemble(plain('inner'), plain('outer', { outside: ['inner'] })))).toBe(
      'plugin "outer" must stand outside "inner": put it before "inner" in the plugins array (outermost first).',
    );
    expect(complaint(() => assemble(plain('inner', { inside: ['outer'] }), plain('outer')))).toBe(
      'plugin "inner" must stand inside "outer": put it after "outer" in the plugins array (outermost first).',
    );
  });

  it('is kept where the rules allow it, whatever lies between', () => {
    const pipeline = assemble(
      plain('a', { outside: ['c', 'absent'] }),
      plain('b'),
      plain('c', { inside: ['a'] }),
    );
    expect(pipeline.describe().plugins.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  });

  it('refuses a name that stands twice, and `named` helps', () => {
    expect(complaint(() => assemble(limit(), plain('x'), limit()))).toBe(
      'plugin "limit" stands in the pipeline twice; give one of them another name with named().',
    );
    const pipeline = assemble(named('ingress', limit()), plain('x'), limit());
    expect(pipeline.describe().plugins.map(({ name }) => name)).toEqual(['ingress', 'x', 'limit']);
  });

  it('holds for a plugin under another name by the rules of its kind', () => {
    const inside = plain('limit', { inside: ['outer'] });
    expect(complaint(() => assemble(named('ingress', inside), plain('outer')))).toMatch(
      /^plugin "ingress" must stand inside "outer"/,
    );
  });
});

describe('when', () => {
  it('lets a plugin take part only in the calls that the predicate picks', async () => {
    const marking = definePlugin({
      name: 'marking',
      create: () => ({
        handle: (request, next) => next({ ...request, headers: { ...request.headers, 'x-marked': '1' } }),
      }),
    });
    await using test = testPipeline({
      plugins: [when((request, ctx) => ctx.streamed && request.url.endsWith('/v1/messages'), marking())],
      answers: [{ stream: false }, { stream: true }].map(() => () => new Response('{}', { status: 404 })),
    });
    await (await test.post()).text();
    await (await test.post({ stream: true })).text();
    expect(test.transport.requests.map(({ headers }) => headers['x-marked'])).toEqual([undefined, '1']);
  });

  it('keeps name, order and needs of the plugin, and counts the failure of its predicate as its own', async () => {
    const failing = when(
      () => {
        throw new Error('no');
      },
      plain('picky', { inside: ['outer'] }),
    );
    expect(complaint(() => assemble(failing, plain('outer')))).toMatch(/^plugin "picky"/);
    await using test = testPipeline({ plugins: [failing] });
    expect((await test.post()).status).toBe(500);
    expect(test.outcomes).toMatchObject([{ cause: { code: 'plugin_failed', plugin: 'picky' } }]);
  });
});

describe('describe()', () => {
  it('tells the chain, its options and the services as data', () => {
    const CACHE = token<object>('cache-store', { create: () => ({}) });
    const cache = definePlugin({
      name: 'cache',
      needs: { store: CACHE },
      onError: 'open',
      create: () => ({ handle: pass }),
    });
    const pipeline = createPipeline({
      upstream: 'https://upstream.test/base/',
      plugins: [cache(), limit({ max: 3 })],
      services: [provide(CACHE, () => ({}))],
      timeouts: { idleMs: 5 },
    });
    expect(pipeline.describe()).toEqual({
      upstream: 'https://upstream.test/base',
      plugins: [
        { name: 'cache', onError: 'open', needs: ['cache-store'], options: {} },
        { name: 'limit', onError: 'closed', needs: [], options: { max: 3 } },
      ],
      services: [
        { name: 'clock', source: 'embedded' },
        { name: 'random', source: 'embedded' },
        { name: 'transport', source: 'embedded' },
        { name: 'cache-store', source: 'provided' },
      ],
      formats: ['anthropic-messages', 'openai-chat', 'openai-responses'],
      timeouts: {
        connectMs: 3_000,
        firstEventMs: 60_000,
        idleMs: 5,
        totalMs: 600_000,
        streamedTotalMs: 3_600_000,
      },
    });
    expect(structuredClone(pipeline.describe())).toEqual(pipeline.describe());
  });

  it('shows no secret, wherever it hides, and no list that is data', () => {
    const anything: OptionSchema<object> = {
      '~standard': { validate: (value) => ({ value: value as object }) },
    };
    const secret = 's3cr3t';
    class Client {
      readonly password = secret;
    }
    const circle: Record<string, unknown> = { [`https://u:${secret}@host`]: 1 };
    circle['self'] = circle;
    const bare = Object.create(Object.create(null) as object) as object;
    const options = {
      apiKey: secret,
      keys: { teamA: secret, teamB: [secret] },
      credentials: [{ id: 'a', value: secret }],
      headers: { authorization: `Bearer ${secret}`, Cookie: secret },
      redis: `redis://user:${secret}@host:6379, redis://user:${secret}@other`,
      client: new Client(),
      bytes: Buffer.from(secret),
      pass: () => secret,
      disguised: 'sk-ant-api03-s3cr3t',
      bare,
      circle,
      size: 10n,
      shown: 'plain',
      words: Array.from({ length: 257 }, () => 'word'),
      regions: ['eu', 'us'],
    };
    const plugin = definePlugin<object, object>({
      name: 'secretive',
      options: anything,
      create: () => ({ handle: pass }),
    });
    const described = assemble(plugin(options)).describe().plugins[0]?.options;
    expect(JSON.stringify(described)).not.toContain(secret);
    expect(described).toMatchObject({
      shown: 'plain',
      size: '10',
      client: '[Client]',
      bytes: '[Buffer]',
      pass: '[function]',
      bare: '[object]',
      words: '[257 items]',
      regions: ['eu', 'us'],
    });
  });
});

it('TRANSPORT and other services are told apart by token, not by name', () => {
  expect(token('transport')).not.toBe(TRANSPORT);
});
