import { createPipeline, provide } from '@sluice/core';
import { expect, test } from 'vitest';
import { ENDPOINT_HEALTH, regionRouting } from './index.ts';

const eu = { id: 'eu', region: 'eu', url: 'https://eu.test' };

const complaint = (options: unknown): string => {
  try {
    createPipeline({ upstream: 'https://upstream.test', plugins: [regionRouting(options as never)] });
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return (error as Error).message.replace('plugin "region-routing": ', '');
  }
  return expect.unreachable();
};

test.each<[options: unknown, sentence: string]>([
  [{}, 'option "endpoints" is missing.'],
  [{ endpoints: [] }, 'option "endpoints": must have at least one endpoint.'],
  [{ endpoints: eu }, 'option "endpoints": must be a list.'],
  [{ endpoints: [eu, eu] }, 'option "endpoints": must not use an id twice.'],
  [
    { endpoints: [{ ...eu, id: 'a b' }] },
    'option "endpoints.0.id": must be 1 to 64 letters, digits, ".", "_", ":" or "-".',
  ],
  [{ endpoints: [{ id: 'eu', url: 'https://eu.test' }] }, 'option "endpoints.0.region" is missing.'],
  [
    { endpoints: [{ ...eu, url: 'eu.test' }] },
    'option "endpoints.0.url": must be a URL such as "https://api.anthropic.com", without credentials, query or fragment.',
  ],
  [
    { endpoints: [{ ...eu, url: 'https://me:secret@eu.test' }] },
    'option "endpoints.0.url": must be a URL such as "https://api.anthropic.com", without credentials, query or fragment.',
  ],
  [
    { endpoints: [{ ...eu, url: 'http://eu.test' }] },
    "every endpoint's url must be https: unless it is loopback; set allowInsecureEndpoints to send keys and prompts in clear.",
  ],
  [
    { endpoints: [{ ...eu, credential: 'sk-my-key' }] },
    'option "endpoints.0.credential": must be "caller", { header, value } or { bearer }; a value is visible ASCII text or a function.',
  ],
  [
    { endpoints: [{ ...eu, credential: { bearer: 'sk-from-a-file\n' } }] },
    'option "endpoints.0.credential.bearer": must be text of visible ASCII characters, without a line break at its end, or a function that returns it.',
  ],
  [
    { endpoints: [{ ...eu, credential: { header: 'host', value: 'x' } }] },
    'option "endpoints.0.credential.header": is a header that carries no credential; use x-api-key, for example.',
  ],
  [{ endpoints: [{ ...eu, weight: 0 }] }, 'option "endpoints.0.weight": must be more than 0.'],
  [{ endpoints: [{ ...eu, priority: -1 }] }, 'option "endpoints.0.priority": must be at least 0.'],
  [
    { endpoints: [{ ...eu, models: {} }] },
    'option "endpoints.0.models": must name a model; leave it out to serve all.',
  ],
  [{ endpoints: [{ ...eu, zone: 'b' }] }, 'there is no option "endpoints.0.zone".'],
  [
    { endpoints: [eu], strategy: 'random' },
    'option "strategy": must be "latency", "priority", "weighted" or "round-robin".',
  ],
  [
    { endpoints: [eu], allowedRegions: ['us'] },
    'none of the endpoints is in a region of allowedRegions; add one, or correct a name.',
  ],
  [{ endpoints: [eu], allowedRegions: [] }, 'option "allowedRegions": must name at least one region.'],
  [
    { endpoints: [eu], ejection: { baseMs: 10, maxMs: 5 } },
    'option "ejection": maxMs must not be less than baseMs.',
  ],
  [
    { endpoints: [eu], ejection: { maxShare: 2 } },
    'option "ejection.maxShare": must be a number from 0 to 1.',
  ],
  [
    { endpoints: [eu], checks: { intervalMs: 5_000, timeoutMs: 5_000 } },
    'option "checks": timeoutMs must be less than intervalMs.',
  ],
  [{ endpoints: [eu], checks: { path: 'v1' } }, 'option "checks.path": must be a path.'],
  [
    { endpoints: [eu], strategy: 'priority', affinity: true },
    'strategy "priority" sends every conversation to the same endpoint anyway; remove affinity, or choose another strategy.',
  ],
  [{ endpoints: [eu], retries: 2 }, 'there is no option "retries".'],
])('%j is refused: %s', (options, sentence) => {
  expect(complaint(options)).toBe(sentence);
});

test('a wrong order is refused', () => {
  const named = (name: string): never => ({ ...regionRouting({ endpoints: [eu] }), name }) as never;
  const assemble = (...plugins: never[]) => createPipeline({ upstream: 'https://upstream.test', plugins });
  const routing = regionRouting({ endpoints: [eu] }) as never;
  expect(() => assemble(routing, named('retry'))).toThrow(TypeError);
  expect(() => assemble(named('circuit-breaker'), routing)).toThrow(TypeError);
  expect(() => assemble(named('credentials'), routing)).toThrow(TypeError);
});

test('a service of another make is refused', () => {
  const services = [provide(ENDPOINT_HEALTH, () => ({ list: () => [] }))];
  expect(() =>
    createPipeline({
      upstream: 'https://upstream.test',
      plugins: [regionRouting({ endpoints: [eu] })],
      services,
    }),
  ).toThrow('provide ENDPOINT_HEALTH with what endpointHealth() returns');
});

test('defaults are those of the README, and no secret is described', () => {
  const endpoints = [
    { ...eu, credential: { bearer: 'my-secret' } },
    { ...eu, id: 'b', credential: { header: 'x-api-key', value: () => 'my-secret' } },
  ];
  const pipeline = createPipeline({
    upstream: 'https://upstream.test',
    plugins: [regionRouting({ endpoints })],
  });
  const [plugin] = pipeline.describe().plugins;
  expect(plugin?.options).toEqual({
    endpoints: [
      { ...eu, weight: 1, priority: 0, provider: 'default', credential: { bearer: '[secret]' } },
      {
        ...eu,
        id: 'b',
        weight: 1,
        priority: 0,
        provider: 'default',
        credential: { header: '[secret]', value: '[function]' },
      },
    ],
    strategy: 'latency',
    affinity: false,
    ejection: {
      consecutiveFailures: 5,
      failureRate: 0.5,
      minCalls: 10,
      windowMs: 60_000,
      baseMs: 30_000,
      maxMs: 300_000,
      maxShare: 0.5,
    },
    coolDownMs: 1_000,
    slowStartMs: 30_000,
    checks: false,
    announce: false,
    allowInsecureEndpoints: false,
  });
});
