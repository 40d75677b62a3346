import { CLOCK, createPipeline, hotSwap, type Pipeline, provide, RANDOM, TRANSPORT } from '@sluice/core';
import { fakeClock, fakeRandom, scriptedTransport } from '@sluice/core/testing';
import { expect, test, vi } from 'vitest';
import { TestBench } from './test-bench.ts';
import { circuitBreaker, CIRCUITS, type Circuits, memoryCircuits } from './index.ts';
import { DEFAULT_RULES } from './options.ts';

test('circuits of one endpoint and of one family are apart', () => {
  const bench = new TestBench();
  for (let i = 0; i < 5; i++) bench.begin(false, 'eu', 'claude').end('failure');
  bench.begin(false, 'us', 'claude').end('success');
  bench.begin(false, 'eu', 'gpt').end('success');
  expect(bench.circuits.list().map(({ key, state }) => [key, state])).toEqual([
    ['eu claude', 'open'],
    ['eu gpt', 'closed'],
    ['us claude', 'closed'],
  ]);
});

test('a circuit is shown as it is, in wall-clock time', async () => {
  const bench = new TestBench();
  await bench.clock.advance(1_000);
  const opened = bench.clock.wallTime();
  bench.make(5, 'failure', 60_000);
  await bench.clock.advance(1_000);
  const [circuit, ...others] = bench.circuits.list();
  expect(others).toEqual([]);
  expect(circuit).toMatchObject({
    key: 'eu claude',
    endpoint: 'eu',
    family: 'claude',
    state: 'open',
    since: opened,
    reason: 'consecutive-failures',
    counts: { completed: 5, failed: 5, timed: 0, slow: 0, consecutiveFailures: 5, probes: 0 },
  });
  expect(circuit?.openUntil).toBe(bench.clock.wallTime() + (bench.refusal()?.retryAfterMs ?? 0));
  expect(JSON.parse(JSON.stringify(circuit))).toEqual(circuit);
});

test('an open circuit becomes half-open when its time is over, whoever looks first', async () => {
  const bench = new TestBench();
  bench.make(5, 'failure');
  await bench.clock.advance(6_000);
  expect(bench.types).toEqual(['circuit-open']);
  expect(bench.circuits.list()).toMatchObject([
    { state: 'half-open', since: bench.clock.wallTime(), openUntil: undefined },
  ]);
  expect(bench.types).toEqual(['circuit-open', 'circuit-half-open']);
});

test('an isolated endpoint is refused for all families until it is reset', async () => {
  const bench = new TestBench();
  bench.make(1, 'success');
  bench.circuits.isolate('eu', 'moving house');
  await bench.clock.advance(3_600_000);
  for (const family of ['claude', 'unheard-of'])
    expect(() => bench.begin(false, 'eu', family)).toThrow(/given time to recover/);
  expect(bench.refusal()?.retryAfterMs).toBeUndefined();
  bench.begin(false, 'us').end('success');
  expect(bench.circuits.list()).toMatchObject([
    { key: 'eu claude', state: 'isolated', reason: 'moving house' },
    { key: 'us claude', state: 'closed' },
  ]);
  bench.circuits.reset('eu');
  bench.make(1, 'success');
  expect(bench.events).toMatchObject([
    { type: 'circuit-isolated', key: 'eu', state: 'isolated', reason: 'moving house' },
    { type: 'circuit-close', key: 'eu', state: 'closed' },
  ]);
});

test('an endpoint that was isolated before its first call is listed', () => {
  const bench = new TestBench();
  bench.circuits.isolate('eu');
  expect(bench.circuits.list()).toMatchObject([{ key: 'eu', family: undefined, state: 'isolated' }]);
  bench.circuits.reset();
  expect(bench.circuits.list()).toEqual([]);
});

test('reset closes one circuit, those of an endpoint, or all, and forgets what is under way', () => {
  const open = (): TestBench => {
    const bench = new TestBench();
    for (const [endpoint, family] of [
      ['eu', 'claude'],
      ['eu', 'gpt'],
      ['us', 'claude'],
    ] as const)
      for (let i = 0; i < 5; i++) bench.begin(false, endpoint, family).end('failure');
    return bench;
  };
  const closed = (bench: TestBench): string[] =>
    bench.circuits.list().flatMap(({ key, state }) => (state === 'closed' ? [key] : []));
  const bench = open();
  bench.circuits.reset('eu', 'gpt');
  expect(closed(bench)).toEqual(['eu gpt']);
  bench.circuits.reset('eu');
  expect(closed(bench)).toEqual(['eu claude', 'eu gpt']);
  bench.circuits.reset();
  expect(closed(bench)).toEqual(['eu claude', 'eu gpt', 'us claude']);
  expect(bench.types.filter((type) => type === 'circuit-close')).toHaveLength(3);

  const late = Array.from({ length: 5 }, () => bench.begin());
  bench.circuits.reset();
  for (const call of late) call.end('failure');
  expect(bench.state).toBe('closed');
});

test('a snapshot keeps what is open, half-open and isolated, and nothing else', async () => {
  const bench = new TestBench();
  for (let i = 0; i < 5; i++) bench.begin(false, 'us').end('failure');
  await bench.clock.advance(6_000);
  bench.make(5, 'failure');
  bench.begin(false, 'ap').end('success');
  bench.circuits.isolate('kr', 'no licence');
  bench.circuits.isolate('jp');
  const snapshot = bench.circuits.export();

  const restarted = new TestBench();
  restarted.circuits.import(JSON.parse(JSON.stringify(snapshot)));
  expect(restarted.events).toEqual([]);
  expect(restarted.circuits.list().map(({ key, state, reason }) => [key, state, reason])).toEqual([
    ['us claude', 'half-open', 'consecutive-failures'],
    ['eu claude', 'open', 'consecutive-failures'],
    ['kr', 'isolated', 'no licence'],
    ['jp', 'isolated', undefined],
  ]);
  for (let i = 0; i < 2; i++) restarted.begin(false, 'us').end('success');
  expect(restarted.circuits.list()[0]).toMatchObject({ key: 'us claude', state: 'closed' });
});

test('a clock that was set back does not keep an imported circuit open for longer', () => {
  const bench = new TestBench();
  bench.make(5, 'failure');
  const { retryAfterMs } = bench.refusal() ?? {};
  const snapshot = bench.circuits.export();
  const circuits = memoryCircuits({ clock: fakeClock(Date.UTC(2020)), random: fakeRandom() });
  circuits.import(snapshot);
  expect(() => circuits.admit('eu', 'claude', false)).toThrow(
    expect.objectContaining({ retryAfterMs }) as Error,
  );
});

test('a snapshot that is imported into circuits in use opens them anew', async () => {
  const bench = new TestBench();
  bench.make(5, 'failure');
  const snapshot = bench.circuits.export();
  await bench.untilHalfOpen();
  const probe = bench.begin();
  bench.circuits.import({
    ...snapshot,
    circuits: [{ ...snapshot.circuits[0], openUntil: Number.MAX_VALUE }],
  });
  probe.end('success');
  expect(bench.circuits.list()).toMatchObject([{ state: 'open', counts: { probes: 0 } }]);
});

test.each([
  undefined,
  null,
  'text',
  [],
  {},
  { version: 2, circuits: [], isolated: [] },
  { version: 1, circuits: [{ endpoint: 'eu', openUntil: 'soon', openForMs: 1, opens: 1 }], isolated: [] },
  { version: 1, circuits: [{ endpoint: 'eu', openUntil: 1, openForMs: -1, opens: 1 }], isolated: [] },
  { version: 1, circuits: [], isolated: [{ endpoint: 1, since: 1 }] },
])('what is no snapshot is refused and changes nothing: %j', (given) => {
  const bench = new TestBench();
  expect(() => {
    bench.circuits.import(given);
  }).toThrow(/^circuits: this is no snapshot \(.+\); pass what export\(\) returned, unchanged\.$/);
  expect(bench.circuits.list()).toEqual([]);
});

test('there is a bound to the circuits kept, and those that know of trouble are kept longest', () => {
  const clock = fakeClock();
  const circuits = memoryCircuits({ clock, random: fakeRandom(), maxCircuits: 10 });
  circuits.use(DEFAULT_RULES, undefined);
  const end = (family: string, health: 'success' | 'failure'): void => {
    circuits.admit('eu', family, false).attemptEnded({ disposition: { health } } as never);
  };
  for (let i = 0; i < 5; i++) end('open', 'failure');
  for (let i = 0; i < 4; i++) end('failing', 'failure');
  end('steady', 'success');
  for (let i = 0; i < 10_000; i++) {
    end(`made-up-${i}`, 'success');
    if (i % 5 === 0) end('steady', 'success');
  }
  const families = circuits.list().map(({ family }) => family);
  expect(families).toHaveLength(10);
  expect(families).toEqual(expect.arrayContaining(['open', 'failing', 'steady', 'made-up-9999']));
  // When everything is in trouble, the longest unused goes, and its calls go through again.
  for (let i = 0; i < 10; i++) for (let j = 0; j < 5; j++) end(`ill-${i}`, 'failure');
  expect(circuits.list()).toHaveLength(10);
  expect(() => circuits.admit('eu', 'open', false)).not.toThrow();
});

test('new rules apply at once, and the same rules again change nothing', () => {
  const bench = new TestBench();
  bench.make(4, 'failure');
  bench.circuits.use({ ...DEFAULT_RULES }, undefined);
  expect(bench.circuits.list()).toMatchObject([{ counts: { failed: 4 } }]);
  bench.circuits.use({ ...DEFAULT_RULES, minCalls: 2, consecutiveFailures: false }, undefined);
  expect(bench.circuits.list()).toMatchObject([{ counts: { failed: 0 } }]);
  bench.make(2, 'failure');
  expect(bench.state).toBe('open');
  bench.circuits.use({ ...DEFAULT_RULES, openMs: 1 }, undefined);
  expect(bench.refusal()?.retryAfterMs).toBeGreaterThanOrEqual(5_000);

  const stricter = new TestBench();
  stricter.make(4, 'failure');
  stricter.circuits.use({ ...DEFAULT_RULES, consecutiveFailures: 2 }, undefined);
  stricter.make(1, 'failure');
  expect(stricter.state).toBe('open');
});

test('rules that are new while a circuit is half-open hold when it has closed', async () => {
  const bench = new TestBench();
  bench.make(5, 'failure');
  await bench.untilHalfOpen();
  bench.circuits.use({ ...DEFAULT_RULES, minCalls: 3, probeSuccesses: 1 }, undefined);
  bench.make(1, 'success');
  expect(bench.state).toBe('closed');
  bench.make(3, 'failure');
  expect(bench.state).toBe('open');
});

test('a listener that throws is reported and otherwise ignored', async () => {
  const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  const bench = new TestBench();
  bench.circuits.use(DEFAULT_RULES, () => {
    throw new Error('the pager is broken');
  });
  bench.make(5, 'failure');
  expect(bench.state).toBe('open');
  await bench.untilHalfOpen();
  bench.make(2, 'success');
  expect(bench.state).toBe('closed');
  expect(warnings.mock.calls.map(([warning]) => (warning as unknown as Error).message)).toEqual(
    Array.from({ length: 3 }, () => 'onChange of the circuit breaker threw: the pager is broken'),
  );
  warnings.mockRestore();
});

test.each(['circuit-open', 'circuit-half-open'])('a listener may close a circuit on %s', async (wanted) => {
  const bench = new TestBench();
  bench.circuits.use(DEFAULT_RULES, ({ type, endpoint }) => {
    if (type === wanted) bench.circuits.reset(endpoint);
  });
  for (let i = 0; i < 10; i++) {
    bench.make(4, 'failure');
    expect(bench.state).toBe('closed');
    bench.make(1, 'failure');
    await bench.clock.advance(6_000);
    bench.make(1, 'failure');
    expect(bench.circuits.list()).toMatchObject([{ state: 'closed', counts: { completed: 1, probes: 0 } }]);
    bench.circuits.reset();
  }
});

test.each(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL'])(
  '%s, a want of this host, opens no circuit',
  async (code) => {
    const transport = scriptedTransport(...Array<Error>(20).fill(Object.assign(new Error(code), { code })));
    await using pipeline = createPipeline({
      upstream: 'https://api.anthropic.com',
      plugins: [circuitBreaker()],
      services: [provide(CLOCK, () => fakeClock()), provide(TRANSPORT, () => transport)],
    });
    const init = { method: 'POST', body: '{"model":"claude-opus-4-1"}' };
    for (let i = 0; i < 20; i++) {
      const response = await pipeline.fetch('https://caller.test/v1/messages', init);
      expect(response.status).toBe(503);
      expect(await response.text()).toContain('Too many calls');
    }
    expect(transport.requests).toHaveLength(20);
  },
);

test('circuits that the application holds outlive a pipeline', async () => {
  const clock = fakeClock();
  const down = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  const transport = scriptedTransport(down, down, down, down, down);
  // #region shared
  let circuits: Circuits | undefined;
  const shared = provide(CIRCUITS, (needs) => (circuits ??= memoryCircuits(needs)), {
    clock: CLOCK,
    random: RANDOM,
  });
  // #endregion
  const pipelineTo = (upstream: string): Pipeline =>
    createPipeline({
      upstream,
      plugins: [circuitBreaker()],
      services: [shared, provide(CLOCK, () => clock), provide(TRANSPORT, () => transport)],
    });
  await using pipeline = hotSwap(pipelineTo('https://api.anthropic.com'));
  const call = async (): Promise<number> => {
    const init = { method: 'POST', body: '{"model":"claude-opus-4-1"}' };
    return (await pipeline.fetch('https://caller.test/v1/messages', init)).status;
  };
  for (let i = 0; i < 5; i++) expect(await call()).toBe(502);
  expect(await call()).toBe(503);
  await pipeline.swap(pipelineTo('https://api.anthropic.com'));
  expect(await call()).toBe(503);
  expect(circuits?.list()).toMatchObject([
    { key: 'https://api.anthropic.com claude-opus-4-1', state: 'open', counts: { failed: 5 } },
  ]);
});
