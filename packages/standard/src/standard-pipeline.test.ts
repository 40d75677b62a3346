import { cache } from '@sluice/cache';
import { CLOCK, definePlugin, type Pipeline, type Plugin, provide, token, when } from '@sluice/core';
import { envKey } from '@sluice/credentials';
import { fileKeyDirectory, KEY_DIRECTORY } from '@sluice/identity';
import { fileWords } from '@sluice/moderation';
import { retry } from '@sluice/retry';
import { describe, expect, test } from 'vitest';
import type { StandardOptions } from './options.ts';
import { standardPipeline } from './standard-pipeline.ts';

const upstream = 'https://api.anthropic.com';
const credentials = { keys: [{ id: 'main', load: () => 'sk-not-a-key' }] };
const places = [
  { id: 'us', region: 'us', url: 'https://us.test' },
  { id: 'eu', region: 'eu', url: 'https://eu.test' },
];
const endpoints = places.map((place) => ({ ...place, credential: { bearer: `${place.id}-key` } }));
const rules = [{ name: 'rpm', of: 'requests', limit: 60, windowMs: 60_000 }] as const;
const directory = provide(KEY_DIRECTORY, () => ({ find: () => undefined }));
const ORDER = [
  'audit',
  'identity',
  'labels',
  'moderation',
  'cache',
  'rate-limit',
  'retry',
  'region-routing',
  'circuit-breaker',
  'credentials',
];
const everything: StandardOptions = {
  endpoints,
  audit: true,
  identity: true,
  labels: true,
  moderation: { detectors: ['email'] },
  cache: true,
  rateLimit: { rules },
  retry: true,
  regionRouting: true,
  circuitBreaker: true,
  credentials,
  services: [directory],
};
const mine = definePlugin({
  name: 'mine',
  create: () => ({ handle: (request, next) => next(request) }),
});

const names = (options: StandardOptions): string[] => namesOf(standardPipeline(options));
function namesOf(pipeline: Pipeline): string[] {
  return pipeline.describe().plugins.map(({ name }) => name);
}
const optionsOf = (options: StandardOptions, name: string): unknown =>
  standardPipeline(options)
    .describe()
    .plugins.find((plugin) => plugin.name === name)?.options;

describe('a standard pipeline', () => {
  test('needs no more than an upstream: it retries and breaks circuits, with the plugins’ own defaults', () => {
    // #region least
    const pipeline = standardPipeline({ upstream: 'https://api.anthropic.com' });
    // #endregion
    expect(namesOf(pipeline)).toEqual(['retry', 'circuit-breaker']);
    expect(pipeline.describe()).toMatchObject({
      upstream,
      plugins: [{ options: { maxRetries: 2 } }, { options: { consecutiveFailures: 5 } }],
    });
  });

  test('of all parts has them in the documented order', () => {
    expect(names(everything)).toEqual(ORDER);
  });

  test('with endpoints routes among them, and takes the first one’s URL for its upstream', () => {
    const { upstream: url, plugins } = standardPipeline({
      endpoints,
      regionRouting: { strategy: 'priority' },
    }).describe();
    expect(url).toBe('https://us.test');
    expect(plugins.map(({ name }) => name)).toEqual(['retry', 'region-routing', 'circuit-breaker']);
    expect(plugins[1]?.options).toMatchObject({
      strategy: 'priority',
      endpoints: [{ id: 'us' }, { id: 'eu' }],
    });
  });

  test('can be all that an app with tenants needs', () => {
    // #region tenants
    const pipeline = standardPipeline({
      endpoints: [
        { id: 'us', region: 'us', url: 'https://us.example.com' },
        { id: 'eu', region: 'eu', url: 'https://eu.example.com' },
      ],
      audit: { directory: '/var/log/sluice' },
      identity: true,
      moderation: { words: fileWords('words.csv'), detectors: ['email', 'cn-mobile'] },
      cache: { ttlMs: 600_000 },
      rateLimit: {
        rules: [
          { name: 'rpm', of: 'requests', limit: 600, windowMs: 60_000 },
          { name: 'parallel', of: 'concurrent-calls', limit: 20 },
        ],
      },
      credentials: { poolScope: 'shared', keys: [envKey('ANTHROPIC_API_KEY')] },
      services: [provide(KEY_DIRECTORY, (needs) => fileKeyDirectory('keys.jsonl', needs), { clock: CLOCK })],
    });
    // #endregion
    expect(namesOf(pipeline)).toEqual(ORDER.filter((name) => name !== 'labels'));
  });

  test('hands the options of createPipeline on', () => {
    const own = token<{ readonly name: string }>('own', { create: () => ({ name: 'embedded' }) });
    const asks = definePlugin({
      name: 'asks',
      needs: { own },
      create: () => ({ handle: (request, next) => next(request) }),
    });
    const { timeouts, services } = standardPipeline({
      upstream,
      timeouts: { connectMs: 1_234 },
      services: [provide(own, () => ({ name: 'provided' }))],
      arrange: (plugins) => [asks(), ...plugins],
    }).describe();
    expect(timeouts.connectMs).toBe(1_234);
    expect(services).toContainEqual({ name: 'own', source: 'provided' });
    expect(() => standardPipeline({ upstream, timeouts: { connectMs: -1 } })).toThrow(
      'createPipeline: option "timeouts.connectMs": must be at least 1.',
    );
  });

  test('takes an option that is undefined for one that was left out', () => {
    const unset = { upstream, cache: undefined, retry: undefined, timeouts: undefined, redis: undefined };
    expect(names(unset as unknown as StandardOptions)).toEqual(['retry', 'circuit-breaker']);
  });
});

describe('each part', () => {
  const parts = {
    audit: 'audit',
    identity: 'identity',
    labels: 'labels',
    moderation: 'moderation',
    cache: 'cache',
    rateLimit: 'rate-limit',
    retry: 'retry',
    circuitBreaker: 'circuit-breaker',
    credentials: 'credentials',
  };
  test.each(Object.entries(parts))('can be left out: %s', (option, name) => {
    expect(names({ ...everything, [option]: false })).toEqual(ORDER.filter((other) => other !== name));
  });

  test.each(Object.keys(parts))('can be replaced by a plugin, which stands in its place: %s', (option) => {
    const replaced = names({ ...everything, [option]: mine() });
    expect(replaced).toEqual(
      ORDER.map((name) => (name === parts[option as keyof typeof parts] ? 'mine' : name)),
    );
  });

  test('that routes can be a plugin beside an upstream', () => {
    expect(names({ upstream, regionRouting: mine() })).toEqual(['retry', 'mine', 'circuit-breaker']);
    expect(names({ upstream, regionRouting: false })).toEqual(['retry', 'circuit-breaker']);
  });

  test('takes the options of its plugin', () => {
    expect(optionsOf({ upstream, cache: { ttlMs: 5_000 } }, 'cache')).toMatchObject({ ttlMs: 5_000 });
    expect(optionsOf({ upstream, retry: { maxRetries: 1 } }, 'retry')).toMatchObject({ maxRetries: 1 });
    expect(optionsOf({ upstream, rateLimit: { rules } }, 'rate-limit')).toMatchObject({
      rules: [{ name: 'rpm' }],
    });
  });

  test('can be made conditional', () => {
    const cached = when(({ headers }) => headers['x-fresh'] === undefined, cache());
    expect(names({ upstream, cache: cached })).toEqual(['cache', 'retry', 'circuit-breaker']);
  });
});

describe('arrange', () => {
  test('puts plugins of one’s own where they shall stand', () => {
    // #region arrange
    const pipeline = standardPipeline({
      upstream: 'https://api.anthropic.com',
      arrange: (plugins) => plugins.flatMap((one) => (one.name === 'retry' ? [mine(), one] : [one])),
    });
    // #endregion
    expect(namesOf(pipeline)).toEqual(['mine', 'retry', 'circuit-breaker']);
  });

  test('re-orders, and cannot get past the checks of order and names', () => {
    const options = { upstream, moderation: { detectors: ['email'] }, rateLimit: { rules } } as const;
    const limitFirst = (plugins: readonly Plugin[]): readonly Plugin[] =>
      plugins.toSorted((a, b) => Number(b.name === 'rate-limit') - Number(a.name === 'rate-limit'));
    expect(names({ ...options, arrange: limitFirst })).toEqual([
      'rate-limit',
      'moderation',
      'retry',
      'circuit-breaker',
    ]);
    expect(() => names({ ...options, arrange: (plugins) => plugins.toReversed() })).toThrow(
      /^plugin ".*" must stand (outside|inside) ".*": put it/,
    );
    expect(() => names({ upstream, arrange: (plugins) => [...plugins, retry()] })).toThrow(
      'plugin "retry" stands in the pipeline twice',
    );
  });
});

describe('refuses with one sentence', () => {
  const cases: readonly (readonly [string, object, string])[] = [
    ['no options', undefined as unknown as object, 'takes its options as an object'],
    ['a URL alone', upstream as unknown as object, 'takes its options as an object'],
    ['nowhere to send to', {}, 'says nowhere to send calls to; give it upstream'],
    [
      'two answers to where',
      { upstream, endpoints },
      'take "upstream" for one place or "endpoints" for several',
    ],
    [
      'an unknown option',
      { upstream, limits: {} },
      'there is no option "limits"; there are upstream, endpoints, audit',
    ],
    ['the plugins of createPipeline', { upstream, plugins: [] }, 'there is no option "plugins"'],
    ['a factory that was not called', { upstream, cache }, 'option "cache" is a function; call it'],
    [
      'text for a part',
      { upstream, retry: 'yes' },
      'option "retry" must be its options, a plugin, true or false',
    ],
    ['limits of nothing', { upstream, rateLimit: true }, 'option "rateLimit" has no defaults'],
    ['keys from nowhere', { upstream, credentials: true }, 'option "credentials" has no defaults'],
    ['rules about nothing', { upstream, moderation: true }, 'option "moderation" has no defaults'],
    [
      'moderation that finds nothing',
      { upstream, moderation: { scope: 'last' } },
      'there is nothing to look for',
    ],
    ['a part’s own options', { upstream, retry: { tries: 3 } }, 'plugin "retry": there is no option "tries"'],
    ['routing without endpoints', { upstream, regionRouting: true }, 'has nothing to route among'],
    ['endpoints without routing', { endpoints, regionRouting: false }, 'is for the routing of this package'],
    [
      'hedging with nowhere else to go',
      { upstream, retry: { hedge: {} } },
      'option "retry.hedge" sends to another',
    ],
    ['no endpoint', { endpoints: [] }, 'plugin "region-routing": option "endpoints"'],
    [
      'an endpoint without a URL',
      { endpoints: [{ id: 'a', region: 'a' }] },
      'option "endpoints.0.url" is missing',
    ],
    [
      'the URL of a Redis',
      { upstream, redis: 'redis://localhost' },
      'must be a client or Cluster of ioredis',
    ],
    ['a prefix of nothing', { upstream, redisPrefix: 'mine:' }, 'is of no use without "redis"'],
    ['an empty prefix', { upstream, redisPrefix: '' }, 'option "redisPrefix" must be text'],
    ['a list for arrange', { upstream, arrange: [] }, 'option "arrange" must be a function'],
    ['an arrange of nothing', { upstream, arrange: () => undefined }, 'must return the list of plugins'],
    ['a service by itself', { upstream, services: directory }, 'option "services" must be a list'],
    [
      'virtual keys that are nowhere',
      { upstream, identity: true, credentials },
      'provides it; add provide(…)',
    ],
    ['virtual keys and no real one', { upstream, identity: true }, 'nothing puts yours on; add credentials'],
    [
      'virtual keys that are handed on',
      { endpoints: endpoints.map((one) => ({ ...one, credential: 'caller' })), identity: true },
      'nothing puts yours on',
    ],
    [
      'endpoints without a key',
      { endpoints: places },
      'endpoint "us" has no credential, and nothing puts a key on its calls',
    ],
  ];
  test.each(cases)('%s', (_, options, sentence) => {
    let thrown: unknown;
    try {
      standardPipeline(options as StandardOptions);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(TypeError);
    const { message } = thrown as TypeError;
    expect(message).toContain(sentence);
    expect(message).toMatch(/^(?:standardPipeline|plugin)[: ].*\.$/);
  });

  test('but not where somebody has said that no key is needed', () => {
    expect(names({ endpoints: places, credentials: false })).toContain('region-routing');
    expect(names({ upstream, identity: true, credentials: false, services: [directory] })).toContain(
      'identity',
    );
    expect(names({ endpoints: places, arrange: (plugins) => [...plugins, mine()] })).toContain('mine');
  });
});

/** Never called: what the compiler refuses. */
export function refusedByTypes(): void {
  // @ts-expect-error -- nowhere to send to
  standardPipeline({ cache: true });
  // @ts-expect-error -- two answers to where
  standardPipeline({ upstream, endpoints });
  // @ts-expect-error -- limits have no defaults
  standardPipeline({ upstream, rateLimit: true });
  // @ts-expect-error -- an option of no plugin
  standardPipeline({ upstream, cache: { ttl: 1 } });
  // @ts-expect-error -- a factory that was not called
  standardPipeline({ upstream, retry });
  // @ts-expect-error -- nothing to route among
  standardPipeline({ upstream, regionRouting: { strategy: 'priority' } });
}
