import { createPipeline, definePlugin, LIMITS, named, type Plugin, PRINCIPAL, provide } from '@sluice/core';
import {
  anthropicMessage,
  fakeClock,
  type TestPipeline,
  testPipeline,
  type TestPipelineOptions,
} from '@sluice/core/testing';
import { describe, expect, test } from 'vitest';
import {
  inspectLimits,
  LIMIT_STORE,
  limitMonitor,
  type LimitEvent,
  type LimitStore,
  memoryLimitStore,
  rateLimit,
  type RateLimitOptions,
  type ScopeFunction,
} from './index.ts';

const answer = (): Response =>
  new Response(anthropicMessage(), { headers: { 'content-type': 'application/json' } });

/** The caller names its tenant and app: what an identity plugin would find out. */
const identify = definePlugin({
  name: 'identify',
  create: () => ({
    handle: (request, next, ctx) => {
      const { 'x-tenant': tenant, 'x-app': app } = request.headers;
      if (tenant !== undefined)
        ctx.state.set(PRINCIPAL, { id: 'someone', tenant, ...(app !== undefined && { labels: { app } }) });
      return next(request);
    },
  }),
});

function limited(
  options: RateLimitOptions,
  { plugins = [], ...others }: TestPipelineOptions = {},
): TestPipeline {
  const answers = Array.from({ length: 200 }, () => answer);
  return testPipeline({ answers, ...others, plugins: [identify(), rateLimit(options), ...plugins] });
}

const PER_MINUTE = { name: 'rpm', of: 'requests', limit: 3, windowMs: 60_000 } as const;

async function statuses(
  pipe: TestPipeline,
  calls: number,
  headers: Record<string, string> = {},
): Promise<number[]> {
  const found: number[] = [];
  for (let n = 0; n < calls; n++) {
    const response = await pipe.post({}, { headers });
    await response.text();
    found.push(response.status);
  }
  return found;
}

describe('a limit of requests', () => {
  test('lets so many pass, and more as time goes by', async () => {
    await using pipe = limited({ rules: [PER_MINUTE] });
    expect(await statuses(pipe, 4)).toEqual([200, 200, 200, 429]);
    await pipe.clock.advance(20_000);
    expect(await statuses(pipe, 2)).toEqual([200, 429]);
    await pipe.clock.advance(60_000);
    expect(await statuses(pipe, 4)).toEqual([200, 200, 200, 429]);
    expect(pipe.outcomes.map(({ kind }) => kind)).toContain('refused');
  });

  test("is a caller's own where it has one", async () => {
    const own = definePlugin({
      name: 'own',
      create: () => ({
        handle: (request, next, ctx) => {
          const { 'x-limit': limit } = request.headers;
          if (limit !== undefined) ctx.state.set(LIMITS, { rpm: Number(limit), other: 1 });
          return next(request);
        },
      }),
    });
    const answers = Array.from({ length: 50 }, () => answer);
    await using pipe = testPipeline({
      answers,
      plugins: [identify(), own(), rateLimit({ rules: [PER_MINUTE] })],
    });
    expect(await statuses(pipe, 6, { 'x-tenant': 'big', 'x-limit': '5' })).toEqual([
      200, 200, 200, 200, 200, 429,
    ]);
    expect(await statuses(pipe, 2, { 'x-tenant': 'small', 'x-limit': '1' })).toEqual([200, 429]);
    expect(await statuses(pipe, 4, { 'x-tenant': 'usual' })).toEqual([200, 200, 200, 429]);
    expect(await statuses(pipe, 1, { 'x-tenant': 'none', 'x-limit': '0' })).toEqual([429]);
    expect(pipe.outcomes.at(-1)?.cause).toMatchObject({ code: 'quota_exceeded', plugin: 'rate-limit' });
    expect(await statuses(pipe, 5, { 'x-tenant': 'free', 'x-limit': 'Infinity' })).toEqual(
      Array.from({ length: 5 }, () => 200),
    );
    expect(await statuses(pipe, 1, { 'x-tenant': 'huge', 'x-limit': '1e300' })).toEqual([200]);
    for (const limit of ['NaN', '-1']) {
      expect(await statuses(pipe, 1, { 'x-tenant': 'odd', 'x-limit': limit })).toEqual([500]);
      expect(pipe.outcomes.at(-1)?.cause).toMatchObject({ code: 'plugin_failed', plugin: 'rate-limit' });
    }
  });

  test('says when to come back, in the dialect of the caller', async () => {
    await using pipe = limited({ rules: [{ ...PER_MINUTE, limit: 1 }] });
    await statuses(pipe, 1);
    const response = await pipe.post();
    expect(response.status).toBe(429);
    expect(await response.json()).toMatchObject({
      type: 'error',
      error: { type: 'rate_limit_error', message: 'The limit "rpm" is reached. Try again later.' },
    });
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'retry-after': '60',
      'ratelimit-policy': '"rpm";q=1;w=60',
      ratelimit: '"rpm";r=0;t=60',
      'anthropic-ratelimit-requests-limit': '1',
      'anthropic-ratelimit-requests-remaining': '0',
      'anthropic-ratelimit-requests-reset': '2026-01-01T00:01:00Z',
    });
    expect(response.headers.has('x-should-retry')).toBe(false);
  });

  test('says it to callers of OpenAI as OpenAI does', async () => {
    await using pipe = limited({ rules: [{ ...PER_MINUTE, limit: 1 }] }, { dialect: 'openai-chat' });
    await (await pipe.post()).text();
    const response = await pipe.post();
    expect(await response.json()).toMatchObject({
      error: { type: 'rate_limit_error', code: 'rate_limited' },
    });
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-ratelimit-limit-requests': '1',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': '1m0s',
    });
  });

  test('tells SDKs not to come back by themselves when that would take more than a minute', async () => {
    await using pipe = limited({ rules: [{ ...PER_MINUTE, limit: 1, windowMs: 3_600_000 }] });
    await statuses(pipe, 1);
    const { headers } = await pipe.post();
    expect(headers.get('retry-after')).toBe('3600');
    expect(headers.get('x-should-retry')).toBe('false');
  });

  test('allows a burst of its own', async () => {
    await using pipe = limited({ rules: [{ ...PER_MINUTE, limit: 60, burst: 2 }] });
    expect(await statuses(pipe, 3)).toEqual([200, 200, 429]);
    await pipe.clock.advance(1_000);
    expect(await statuses(pipe, 2)).toEqual([200, 429]);
  });
});

describe('the scope of a rule', () => {
  test('is the tenant', async () => {
    await using pipe = limited({ rules: [{ ...PER_MINUTE, limit: 1 }] });
    expect(await statuses(pipe, 2, { 'x-tenant': 'a' })).toEqual([200, 429]);
    expect(await statuses(pipe, 2, { 'x-tenant': 'b' })).toEqual([200, 429]);
    // Callers without a name are one.
    expect(await statuses(pipe, 2)).toEqual([200, 429]);
  });

  test.each<[RateLimitOptions['rules'][number]['by'], number[]]>([
    ['global', [200, 429, 429]],
    ['app', [200, 200, 429]],
    [
      ['tenant', 'app'],
      [200, 200, 200],
    ],
    [(request) => request.headers['x-app'], [200, 200, 429]],
    [() => undefined, [200, 200, 200]],
  ])('may be %s', async (by, expected) => {
    await using pipe = limited({ rules: [{ ...PER_MINUTE, limit: 1, by: by as never }] });
    const found = [
      await statuses(pipe, 1, { 'x-tenant': 'a', 'x-app': 'one' }),
      await statuses(pipe, 1, { 'x-tenant': 'a', 'x-app': 'two' }),
      await statuses(pipe, 1, { 'x-tenant': 'b', 'x-app': 'one' }),
    ];
    expect(found.flat()).toEqual(expected);
  });

  test('may be the model; long and odd names have counters too', async () => {
    await using pipe = limited({ rules: [{ ...PER_MINUTE, limit: 1, by: 'model' }] });
    for (const model of ['m', 'm}:{x', 'x'.repeat(200), '']) {
      expect((await pipe.post({ model })).status).toBe(200);
      expect((await pipe.post({ model })).status).toBe(429);
    }
  });

  test('is all of its rules: one that refuses leaves the others uncharged', async () => {
    const rules = [PER_MINUTE, { ...PER_MINUTE, name: 'app', limit: 1, by: 'app' } as const];
    await using pipe = limited({ rules });
    const app = (name: string) => ({ 'x-tenant': 'a', 'x-app': name });
    expect(await statuses(pipe, 3, app('one'))).toEqual([200, 429, 429]);
    expect(await statuses(pipe, 1, app('two'))).toEqual([200]);
    expect(await statuses(pipe, 1, app('three'))).toEqual([200]);
    expect(await statuses(pipe, 1, app('four'))).toEqual([429]);
  });
});

test('two limiters of one pipeline both count', async () => {
  const edge = named('edge-limit', rateLimit({ rules: [{ ...PER_MINUTE, name: 'edge', limit: 3 }] }));
  await using pipe = limited({ rules: [{ ...PER_MINUTE, limit: 2 }] }, { plugins: [edge] });
  expect(await statuses(pipe, 3)).toEqual([200, 200, 429]);
  await using other = limited({ rules: [{ ...PER_MINUTE, limit: 5 }] }, { plugins: [edge] });
  expect(await statuses(other, 4)).toEqual([200, 200, 200, 429]);
});

describe('a quota', () => {
  const daily = {
    name: 'daily',
    of: 'requests',
    limit: 2,
    calendar: 'day',
    timeZone: 'Asia/Shanghai',
  } as const;

  test('begins anew with the day of its time zone', async () => {
    await using pipe = limited({ rules: [daily] });
    expect(await statuses(pipe, 3)).toEqual([200, 200, 429]);
    // Midnight in Shanghai is at 16:00 UTC; the test begins at 00:00 UTC.
    await pipe.clock.advance(16 * 3_600_000 - 1_000);
    expect(await statuses(pipe, 1)).toEqual([429]);
    await pipe.clock.advance(1_000);
    expect(await statuses(pipe, 3)).toEqual([200, 200, 429]);
  });

  test('is refused in words that clients stop at', async () => {
    await using pipe = limited({ rules: [{ ...daily, limit: 1, timeZone: 'UTC' }] });
    await statuses(pipe, 1);
    const response = await pipe.post();
    expect(response.status).toBe(429);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(response.headers.get('retry-after')).toBe('86400');
    expect(await response.json()).toMatchObject({
      error: {
        type: 'billing_error',
        message: 'The quota "daily" is used up; it will reset at 2026-01-02T00:00:00Z. (billing limit)',
      },
    });
  });
});

describe('a rule that is not enforced', () => {
  test('refuses nothing, and reports what it would have refused', async () => {
    const monitor = limitMonitor();
    await using pipe = limited({ rules: [{ ...PER_MINUTE, shadow: true }], onEvent: monitor.onEvent });
    expect(await statuses(pipe, 5)).toEqual([200, 200, 200, 200, 200]);
    expect(monitor.report()).toMatchObject({ shadowed: { rpm: 2 }, refused: {}, store: 'up' });
  });

  test('is every rule in mode "shadow"', async () => {
    const monitor = limitMonitor();
    await using pipe = limited({ rules: [PER_MINUTE], mode: 'shadow', onEvent: monitor.onEvent });
    expect(await statuses(pipe, 4)).toEqual([200, 200, 200, 200]);
    expect(monitor.report().shadowed).toEqual({ rpm: 1 });
  });
});

describe('events', () => {
  test('tell of refusals, and once when a counter comes near its limit', async () => {
    const events: LimitEvent[] = [];
    const onEvent = (event: LimitEvent): void => {
      events.push(event);
      throw new Error('a listener’s failure is its own');
    };
    await using pipe = limited({ rules: [{ ...PER_MINUTE, limit: 4, warnAt: 0.5 }], onEvent });
    await statuses(pipe, 5, { 'x-tenant': 'a' });
    expect(events).toEqual([
      { type: 'limit-near', rule: 'rpm', scope: 'a', used: 2, limit: 4 },
      { type: 'limit-refuse', rule: 'rpm', scope: 'a', retryAfterMs: 15_000 },
    ]);
  });

  test('tell that a counter comes near what fits at once, where that is less than the limit', async () => {
    const events: LimitEvent[] = [];
    const rule = { ...PER_MINUTE, limit: 60, burst: 10, warnAt: 0.8 };
    await using pipe = limited({ rules: [rule], onEvent: (event) => events.push(event) });
    await statuses(pipe, 10, { 'x-tenant': 'a' });
    expect(events).toEqual([{ type: 'limit-near', rule: 'rpm', scope: 'a', used: 8, limit: 10 }]);
  });

  test('do not tell what a function made of a request: it may be a credential', async () => {
    const events: LimitEvent[] = [];
    const rule = { ...PER_MINUTE, limit: 2, warnAt: 0.5 };
    const by: ScopeFunction = ({ headers }) => headers['x-api-key'];
    await using pipe = limited({
      rules: [
        { ...rule, by },
        { ...rule, by, name: 'trial', limit: 1, shadow: true },
      ],
      onEvent: (event) => events.push(event),
    });
    await statuses(pipe, 3, { 'x-api-key': 'canary' });
    expect(events.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['limit-near', 'limit-shadow', 'limit-refuse']),
    );
    expect(JSON.stringify(events)).not.toContain('canary');
    expect(events.filter((event) => 'scope' in event && event.scope !== undefined)).toEqual([]);
  });

  test('and neither do the keys in the store', async () => {
    const asked: string[] = [];
    const memory = memoryLimitStore({ clock: fakeClock() });
    const store: LimitStore = {
      reserve: (reservation) => {
        asked.push(JSON.stringify(reservation));
        return memory.reserve(reservation);
      },
      settle: (settlement) => memory.settle(settlement),
      renew: () => undefined,
      lower: () => undefined,
    };
    const by: ScopeFunction = ({ headers }) => headers['x-api-key'];
    await using pipe = limited(
      { rules: [{ ...PER_MINUTE, by }] },
      { services: [provide(LIMIT_STORE, () => store)] },
    );
    await statuses(pipe, 2, { 'x-api-key': 'canary' });
    expect(asked.join()).not.toContain('canary');
    const [limit] = await inspectLimits(store, {
      rules: [{ ...PER_MINUTE, by }],
      names: {},
      scopes: { rpm: 'canary' },
    });
    expect(limit).toMatchObject({ used: 2 });
  });
});

describe('headers of answers', () => {
  test('are none by default', async () => {
    await using pipe = limited({ rules: [PER_MINUTE] });
    expect([...(await pipe.post()).headers.keys()].join()).not.toContain('ratelimit');
  });

  test('tell of the most constrained rule, in place of what the upstream said of its own', async () => {
    const upstream = (): Response =>
      new Response(anthropicMessage(), {
        headers: {
          'content-type': 'application/json',
          'anthropic-ratelimit-requests-limit': '4000',
          'anthropic-ratelimit-unified-status': 'allowed',
        },
      });
    const rules = [PER_MINUTE, { ...PER_MINUTE, name: 'all', limit: 2, by: 'global' } as const];
    await using pipe = limited(
      { rules, answerHeaders: ['ietf', 'provider'] },
      { answers: [upstream, upstream] },
    );
    const { headers } = await pipe.post();
    expect(Object.fromEntries(headers)).toMatchObject({
      'ratelimit-policy': '"all";q=2;w=60',
      ratelimit: '"all";r=1;t=30',
      'anthropic-ratelimit-requests-limit': '2',
      'anthropic-ratelimit-requests-remaining': '1',
    });
    expect(headers.has('anthropic-ratelimit-unified-status')).toBe(false);
  });
});

describe('concurrent calls', () => {
  const RULE = { name: 'parallel', of: 'concurrent-calls', limit: 2 } as const;

  test('are counted until they end, however they end', async () => {
    const { promise: gate, resolve: open } = Promise.withResolvers<Response>();
    await using pipe = limited(
      { rules: [RULE] },
      { answers: [() => gate, () => new Promise(() => undefined), answer] },
    );
    const caller = new AbortController();
    const first = pipe.post();
    const second = pipe.post({}, { signal: caller.signal });
    await pipe.clock.advance(0);
    expect(await statuses(pipe, 1)).toEqual([429]);
    caller.abort();
    await expect(second).rejects.toThrow();
    await pipe.clock.advance(0);
    expect(await statuses(pipe, 1)).toEqual([200]);
    open(answer());
    await (await first).text();
    expect((await pipe.post()).status).toBeGreaterThan(0);
  });

  test('keep their place for as long as they take', async () => {
    await using pipe = limited(
      { rules: [{ ...RULE, limit: 1 }], leaseMs: 3_000 },
      { answers: [() => new Promise(() => undefined)] },
    );
    const caller = new AbortController();
    const long = pipe.post({}, { signal: caller.signal });
    await pipe.clock.advance(60_000);
    expect(await statuses(pipe, 1)).toEqual([429]);
    caller.abort();
    await expect(long).rejects.toThrow();
  });

  test('keep their place, too, in this process’s share of an outage', async () => {
    const down = (): Promise<never> => Promise.reject(new Error('down'));
    const store: LimitStore = { reserve: down, settle: down, renew: down, lower: down };
    await using pipe = limited(
      { rules: [{ ...RULE, limit: 8 }], instances: 4 },
      {
        answers: Array.from({ length: 20 }, () => () => new Promise<never>(() => undefined)),
        services: [provide(LIMIT_STORE, () => store)],
      },
    );
    const caller = new AbortController();
    for (let n = 0; n < 3; n++) {
      for (let call = 0; call < 4; call++) pipe.post({}, { signal: caller.signal }).catch(() => undefined);
      await pipe.clock.advance(31_000);
      expect(pipe.transport.requests).toHaveLength(2);
    }
    caller.abort();
    await pipe.clock.advance(0);
    for (let call = 0; call < 4; call++) pipe.post().catch(() => undefined);
    await pipe.clock.advance(0);
    expect(pipe.transport.requests).toHaveLength(4);
  });
});

describe('at assembly', () => {
  test('shows what it will do', () => {
    // #region use
    const pipeline = createPipeline({
      upstream: 'https://api.anthropic.com',
      plugins: [
        rateLimit({
          rules: [
            { name: 'rpm', of: 'requests', limit: 60, windowMs: 60_000 },
            { name: 'itpm', of: 'input-tokens', limit: 100_000, windowMs: 60_000, by: ['tenant', 'model'] },
            { name: 'parallel', of: 'concurrent-calls', limit: 8 },
            { name: 'budget', of: 'cost', limit: 50, calendar: 'month', timeZone: 'Asia/Shanghai' },
          ],
          prices: { 'claude-*': { input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75 } },
        }),
      ],
    });
    // #endregion
    const { plugins, services } = pipeline.describe();
    expect(plugins).toMatchObject([
      { name: 'rate-limit', onError: 'closed', needs: ['clock', 'limit-store'], options: { mode: 'reject' } },
    ]);
    expect(services).toContainEqual({ name: 'limit-store', source: 'embedded' });
  });

  const assemble = (...plugins: Plugin[]): unknown =>
    createPipeline({ upstream: 'https://upstream.test', plugins });
  const rule = (fields: object): RateLimitOptions => ({ rules: [{ ...PER_MINUTE, ...fields }] });

  test.each<[object, string]>([
    [{}, 'option "rules" is missing'],
    [{ rules: [] }, 'has no rule'],
    [{ ...rule({}), mode: 'queue' }, 'must be "reject", "wait", "pace" or "shadow"'],
    [rule({ name: 'Per Minute' }), 'option "rules.0.name": must be lower-case letters'],
    [rule({ limit: 0 }), 'option "rules.0.limit": must be more than 0'],
    [rule({ limit: 1.5 }), 'must be whole numbers'],
    [rule({ windowMs: 10 }), 'must be at least 1000'],
    [rule({ calendar: 'day' }), 'either windowMs or calendar'],
    [{ rules: [{ name: 'x', of: 'requests', limit: 1 }] }, 'either windowMs or calendar'],
    [rule({ burst: 9 }), 'has a burst above its limit'],
    [rule({ of: 'concurrent-calls' }), 'remove windowMs and calendar'],
    [rule({ timeZone: 'Europe/Berlin' }), 'has a timeZone and no calendar'],
    [
      { rules: [{ name: 'x', of: 'requests', limit: 1, calendar: 'day', timeZone: 'Mars/Base' }] },
      'is no time zone',
    ],
    [rule({ of: 'cost' }), 'there are no prices'],
    [rule({ by: 'endpoint' }), 'set counts: "attempts"'],
    [rule({ cacheReadWeight: 0.5 }), 'only rules of input-tokens or tokens'],
    [{ ...rule({ by: 'global' }), shardByTenant: true }, 'needs the tenant in the scope'],
    [{ ...rule({ burst: 1 }), mode: 'pace' }, 'pace admits one call at a time'],
    [{ ...rule({ warnAt: 0.5 }), mode: 'pace' }, 'pace admits one call at a time'],
    [{ rules: [PER_MINUTE, PER_MINUTE] }, 'two rules named "rpm"'],
    [{ ...rule({}), prices: { a: { input: 1e-7, output: 1 } } }, 'more than six decimals'],
    [{ ...rule({}), prices: { 'a*b*': { input: 1, output: 1 } } }, 'only one * may stand'],
    [{ ...rule({}), maxWaitMs: 0 }, 'must be at least 1'],
    [{ ...rule({}), leaseMs: 10_000.5 }, 'must be a whole number of milliseconds'],
    [{ ...rule({}), leaseMs: 1e15 }, 'must be at most 31 days'],
  ])('refuses %j', (options, complaint) => {
    expect(() => assemble(rateLimit(options as RateLimitOptions))).toThrow(complaint);
  });
});
