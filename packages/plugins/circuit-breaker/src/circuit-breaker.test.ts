import { CLOCK, createPipeline, definePlugin, PipelineError, provide, RANDOM } from '@sluice/core';
import {
  anthropicMessage,
  anthropicStream,
  errorBody,
  errorEvent,
  type ScriptedAnswer,
  streamAnswer,
  type TestPipeline,
  testPipeline,
  type TestPipelineOptions,
} from '@sluice/core/testing';
import { describe, expect, test, vi } from 'vitest';
import {
  circuitBreaker,
  type CircuitBreakerOptions,
  type CircuitEvent,
  CIRCUITS,
  type Circuits,
  memoryCircuits,
} from './index.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const dialect = 'anthropic-messages';
const good = (): Response => new Response(anthropicMessage(), { headers: JSON_TYPE });
const bad = (status: number, headers: Record<string, string> = {}): Response =>
  new Response(errorBody(dialect, status), { status, headers: { ...JSON_TYPE, ...headers } });
const events = anthropicStream({ text: 'Hello there' });
/** A stream up to and with its first content. */
const begun = events.slice(0, events.findIndex((event) => event.includes('content_block_delta')) + 1);
const silence = new Promise<never>(() => undefined);
const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });

interface Breaking extends TestPipeline {
  readonly circuits: Circuits;
  readonly events: CircuitEvent[];
}

/** A pipeline with a breaker alone; each request gets an answer of the kind. */
function breaking(
  answer: ScriptedAnswer,
  options: CircuitBreakerOptions = {},
  others: TestPipelineOptions = {},
): Breaking {
  const events: CircuitEvent[] = [];
  let circuits: Circuits | undefined;
  const pipe = testPipeline({
    answers: Array.from({ length: 1_000 }, () => answer),
    plugins: [circuitBreaker({ onChange: (event) => events.push(event), ...options })],
    services: [
      provide(CIRCUITS, (needs) => (circuits = memoryCircuits(needs)), { clock: CLOCK, random: RANDOM }),
    ],
    ...others,
  });
  if (circuits === undefined) throw new Error('the plugin did not ask for its circuits');
  return Object.assign(pipe, { circuits, events });
}

/** Makes a call and reads its answer, however it ends. */
async function call(pipe: TestPipeline, fields: object = {}, init: RequestInit = {}): Promise<number> {
  try {
    const response = await pipe.post({ ...fields }, init);
    await response.text();
    return response.status;
  } catch {
    return 0;
  }
}

const openAfterFive = async (pipe: Breaking, fields: object = {}): Promise<void> => {
  for (let i = 0; i < 4; i++) {
    await call(pipe, fields);
    expect(pipe.circuits.list()).toMatchObject([{ state: 'closed', counts: { failed: i + 1 } }]);
  }
  await call(pipe, fields);
  expect(pipe.circuits.list()).toMatchObject([{ state: 'open' }]);
};

describe('a failure is', () => {
  test.each<[what: string, answer: ScriptedAnswer]>([
    ['a connection that was not made', new PipelineError('connect_failed')],
    ['a connect timeout', new PipelineError('connect_timeout')],
    ['a certificate that does not fit', new PipelineError('tls_failed')],
    ['a reset before the headers', reset],
    ['no first event in time', new PipelineError('first_event_timeout')],
    ['a page of HTML that says 200', new PipelineError('bad_answer')],
    ...[408, 500, 502, 503, 504, 529].map((status): [string, ScriptedAnswer] => [
      `status ${status}`,
      () => bad(status),
    ]),
    [
      'a JSON answer that is cut',
      streamAnswer([anthropicMessage().slice(0, 40), reset], { headers: JSON_TYPE }),
    ],
    [
      'a JSON answer that ends in the middle',
      streamAnswer(anthropicMessage().slice(0, 40), { headers: JSON_TYPE }),
    ],
  ])('%s', async (_, answer) => {
    await using pipe = breaking(answer);
    await openAfterFive(pipe);
    expect(await call(pipe)).toBe(503);
    expect(pipe.transport.requests).toHaveLength(5);
  });

  test.each<[what: string, pieces: Parameters<typeof streamAnswer>[0]]>([
    ['an error event before any content', errorEvent(dialect, 529)],
    ['an error event after content', [...begun, errorEvent(dialect, 529)]],
    ['a reset before any content', [reset]],
    ['a reset after content', [...begun, reset]],
    ['an end before any content', []],
    ['an end after content', begun],
  ])('a stream with %s', async (_, pieces) => {
    await using pipe = breaking(streamAnswer(pieces));
    await openAfterFive(pipe, { stream: true });
  });
});

describe('no failure is', () => {
  test.each([400, 404, 413, 422])('status %i: the upstream answered', async (status) => {
    await using pipe = breaking(() => bad(status));
    for (let i = 0; i < 20; i++) await call(pipe);
    expect(pipe.circuits.list()).toMatchObject([{ state: 'closed', counts: { completed: 20, failed: 0 } }]);
  });

  test.each([401, 403, 409, 429])('status %i: it says nothing about health', async (status) => {
    await using pipe = breaking(() => bad(status, { 'retry-after': '3600' }));
    for (let i = 0; i < 20; i++) await call(pipe);
    expect(pipe.circuits.list()).toMatchObject([{ state: 'closed', counts: { completed: 0 } }]);
  });

  test('an error event before any content that stands for one of these', async () => {
    await using pipe = breaking(() => bad(500));
    await using throttled = breaking(streamAnswer(errorEvent(dialect, 429)));
    for (let i = 0; i < 20; i++) await call(throttled, { stream: true });
    expect(throttled.circuits.list()).toMatchObject([{ state: 'closed', counts: { completed: 0 } }]);
    expect(pipe.circuits.list()).toEqual([]);
  });

  test('a refusal by a plugin further in', async () => {
    const refusing = definePlugin({
      name: 'credentials',
      create: () => ({
        handle: async () => {
          throw new PipelineError('rate_limited');
        },
      }),
    });
    await using pipe = breaking(good, {}, { plugins: [circuitBreaker(), refusing()] });
    for (let i = 0; i < 20; i++) expect(await call(pipe)).toBe(429);
    expect(pipe.circuits.list()).toMatchObject([{ state: 'closed', counts: { completed: 0 } }]);
  });

  test.each([false, true])('a caller who leaves (streamed: %s)', async (stream) => {
    await using pipe = breaking(
      stream ? streamAnswer([...begun, silence]) : streamAnswer([silence], { headers: JSON_TYPE }),
    );
    for (let i = 0; i < 10; i++) {
      const leaving = new AbortController();
      const pending = call(pipe, { stream }, { signal: leaving.signal });
      await pipe.clock.advance(10);
      leaving.abort();
      expect(await pending).toBe(0);
    }
    expect(pipe.circuits.list()).toMatchObject([{ state: 'closed', counts: { completed: 0 } }]);
  });
});

describe('an attempt is judged when its answer has ended', () => {
  test('not at the headers, nor at the first content', async () => {
    const cut = Promise.withResolvers<Error>();
    await using pipe = breaking(streamAnswer([...begun, cut.promise]), { consecutiveFailures: 1 });
    const response = await pipe.post({ stream: true });
    const text = response.text();
    await pipe.clock.advance(110_000); // Longer than the window.
    expect(pipe.circuits.list()).toMatchObject([{ state: 'closed', counts: { completed: 0 } }]);
    cut.resolve(reset);
    await text;
    expect(pipe.circuits.list()).toMatchObject([{ state: 'open', reason: 'consecutive-failures' }]);
  });

  test('a whole stream is a success, and its first content is timed', async () => {
    const late = Promise.withResolvers<string>();
    await using pipe = breaking(streamAnswer([late.promise]), { minCalls: 1 });
    const response = pipe.post({ stream: true }).then((response) => response.text());
    await pipe.clock.advance(31_000);
    late.resolve(events.join(''));
    expect(await response).toBe(events.join(''));
    expect(pipe.events).toMatchObject([{ type: 'circuit-open', reason: 'slow-first-event' }]);
  });
});

describe('a half-open circuit', () => {
  async function halfOpen(then: ScriptedAnswer, stream: boolean): Promise<Breaking> {
    let failing = true;
    const pipe = breaking((request, ctx) => {
      if (failing) return bad(503);
      return typeof then === 'function' ? then(request, ctx) : then;
    });
    await openAfterFive(pipe, { stream });
    failing = false;
    await pipe.clock.advance(6_000);
    return pipe;
  }

  test.each([false, true])('is not judged by a probe whose caller leaves (streamed: %s)', async (stream) => {
    await using pipe = await halfOpen(
      stream ? streamAnswer([...begun, silence]) : streamAnswer([silence], { headers: JSON_TYPE }),
      stream,
    );
    for (let i = 0; i < 10; i++) {
      const leaving = new AbortController();
      const pending = call(pipe, { stream }, { signal: leaving.signal });
      await pipe.clock.advance(10);
      expect(pipe.circuits.list()).toMatchObject([{ state: 'half-open', counts: { probes: 1 } }]);
      leaving.abort();
      await pending;
      expect(pipe.circuits.list()).toMatchObject([{ state: 'half-open', counts: { probes: 0 } }]);
    }
  });

  test.each([false, true])(
    'refuses whom it has no place for, without a word upstream (streamed: %s)',
    async (stream) => {
      await using pipe = await halfOpen(
        stream ? streamAnswer([silence]) : streamAnswer([silence], { headers: JSON_TYPE }),
        stream,
      );
      for (let i = 0; i < 3; i++) void call(pipe, { stream });
      await pipe.clock.advance(1_000);
      const refused = await pipe.post({ stream });
      expect(refused.status).toBe(503);
      expect(refused.headers.get('retry-after')).toBe('29');
      expect(pipe.transport.requests).toHaveLength(5 + 3);
    },
  );

  test.each([false, true])('closes when two whole answers came (streamed: %s)', async (stream) => {
    await using pipe = await halfOpen(stream ? streamAnswer(events) : good, stream);
    expect(await call(pipe, { stream })).toBe(200);
    expect(pipe.circuits.list()).toMatchObject([{ state: 'half-open' }]);
    expect(await call(pipe, { stream })).toBe(200);
    expect(pipe.events.map(({ type }) => type)).toEqual([
      'circuit-open',
      'circuit-half-open',
      'circuit-close',
    ]);
  });

  test('opens again when a probe is cut after its first content', async () => {
    await using pipe = await halfOpen(streamAnswer([...begun, reset]), true);
    await call(pipe, { stream: true });
    expect(pipe.circuits.list()).toMatchObject([{ state: 'open', reason: 'probe-failed' }]);
  });

  test('gives a probe whose answer nobody reads a lease, not for ever', async () => {
    await using pipe = await halfOpen(streamAnswer(events), true);
    for (let i = 0; i < 3; i++) await pipe.post({ stream: true });
    expect(await call(pipe, { stream: true })).toBe(503);
    await pipe.clock.advance(30_000);
    for (let i = 0; i < 2; i++) expect(await call(pipe, { stream: true })).toBe(200);
    expect(pipe.circuits.list()).toMatchObject([{ state: 'closed' }]);
  });

  test('9: a call that is aborted leaves the signals of others alone', async () => {
    await using pipe = await halfOpen(streamAnswer([...begun, silence]), true);
    const leaving = new AbortController();
    const aborted = call(pipe, { stream: true }, { signal: leaving.signal });
    const staying = call(pipe, { stream: true });
    await pipe.clock.advance(10);
    leaving.abort();
    await aborted;
    void call(pipe, { stream: true });
    await pipe.clock.advance(10);
    expect(pipe.transport.requests.slice(-3).map(({ signal }) => signal.aborted)).toEqual([
      true,
      false,
      false,
    ]);
    void staying;
  });
});

test('13: two equal calls get an answer each', async () => {
  let n = 0;
  await using pipe = breaking(
    () => new Response(anthropicMessage({ text: `answer ${++n}` }), { headers: JSON_TYPE }),
  );
  const answers = await Promise.all([pipe.post(), pipe.post()].map(async (one) => (await one).text()));
  expect(answers).toEqual([anthropicMessage({ text: 'answer 1' }), anthropicMessage({ text: 'answer 2' })]);
});

test('what passes keeps its bytes, and a refusal is in the dialect of the caller', async () => {
  await using pipe = breaking(streamAnswer(events));
  expect(await (await pipe.post({ stream: true })).text()).toBe(events.join(''));
  pipe.circuits.isolate('https://upstream.test', 'maintenance');
  const refused = await pipe.post({ stream: true });
  expect(refused.status).toBe(503);
  expect(refused.headers.has('retry-after')).toBe(false);
  expect(await refused.json()).toMatchObject({
    type: 'error',
    error: { message: 'The upstream is failing and is given time to recover. Try again later.' },
  });
  expect(pipe.outcomes.at(-1)).toMatchObject({
    kind: 'refused',
    attempts: 0,
    cause: { code: 'circuit_open' },
  });
});

describe('a circuit belongs to', () => {
  const routing = definePlugin({
    name: 'region-routing',
    create: () => ({
      handle: (request, next) => next({ ...request, endpoint: { id: request.headers['x-to'] ?? 'eu' } }),
    }),
  });
  const to = (endpoint: string): RequestInit => ({
    headers: { 'content-type': 'application/json', 'x-to': endpoint },
  });

  test('an endpoint and a model family, whatever snapshot is asked for', async () => {
    await using pipe = breaking(() => bad(503), {}, {});
    for (const model of [
      'claude-opus-4-1-20250805',
      'claude-opus-4-1',
      'anthropic.claude-opus-4-1-20250805-v1:0',
    ])
      await call(pipe, { model });
    await call(pipe, { model: 'gpt-4o' });
    expect(pipe.circuits.list().map(({ key, counts }) => [key, counts.failed])).toEqual([
      ['https://upstream.test claude-opus-4-1', 3],
      ['https://upstream.test gpt-4o', 1],
    ]);
  });

  test('what routing says the endpoint is, and a refusal there leaves the other endpoint to it', async () => {
    let circuits: Circuits | undefined;
    await using pipe = testPipeline({
      answers: Array.from(
        { length: 20 },
        (): ScriptedAnswer =>
          ({ endpoint }) =>
            endpoint?.id === 'eu' ? bad(503) : good(),
      ),
      plugins: [routing(), circuitBreaker()],
      services: [
        provide(CIRCUITS, (needs) => (circuits = memoryCircuits(needs)), { clock: CLOCK, random: RANDOM }),
      ],
    });
    for (let i = 0; i < 6; i++) await call(pipe, {}, to('eu'));
    expect(await call(pipe, {}, to('us'))).toBe(200);
    expect(circuits?.list()).toMatchObject([
      { key: 'eu any', state: 'open' },
      { key: 'us any', state: 'closed' },
    ]);
  });

  test('whom a function of the user puts together', async () => {
    await using pipe = breaking(good, {
      modelFamily: (model) => (model.startsWith('claude') ? 'claude' : 'other'),
    });
    for (const model of ['claude-opus-4-1', 'claude-haiku-4-5', 'gpt-4o', 'o3']) await call(pipe, { model });
    expect(pipe.circuits.list().map(({ family }) => family)).toEqual(['claude', 'other']);
  });

  test('the endpoint alone, for calls that name no model', async () => {
    await using pipe = breaking(good);
    await pipe.pipeline.fetch('https://caller.test/v1/models').then((response) => response.text());
    expect(pipe.circuits.list()).toMatchObject([
      { key: 'https://upstream.test', family: undefined, state: 'closed' },
    ]);
  });
});

test('a function of the user that fails lets the call pass without a breaker', async () => {
  const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  await using pipe = breaking(good, {
    modelFamily: () => {
      throw new Error('unheard of');
    },
  });
  expect(await call(pipe)).toBe(200);
  expect(pipe.circuits.list()).toEqual([]);
  expect(warnings).toHaveBeenCalledOnce();
  warnings.mockRestore();
});

test('models made up by callers do not fill memory', async () => {
  const answers = Array.from({ length: 1_200 }, (): ScriptedAnswer => () => bad(404));
  await using pipe = breaking(good, {}, { answers });
  for (let i = 0; i < 1_200; i++) await call(pipe, { model: `made-up-${i}` });
  expect(pipe.circuits.list()).toHaveLength(1_000);
});

test.each([
  ['inside credentials', ['credentials', 'circuit-breaker']],
  ['outside retry', ['circuit-breaker', 'retry']],
  ['outside region-routing', ['circuit-breaker', 'region-routing']],
])('%s it is refused at assembly', (_, names) => {
  const plugins = names.map((name) =>
    name === 'circuit-breaker'
      ? circuitBreaker()
      : definePlugin({ name, create: () => ({ handle: (request, next) => next(request) }) })(),
  );
  expect(() => testPipeline({ plugins })).toThrow(/circuit-breaker/);
});

test('the options and the service stand in the description of the pipeline', () => {
  // #region use
  const pipeline = createPipeline({
    upstream: 'https://api.anthropic.com',
    plugins: [
      circuitBreaker({
        failureRate: 0.3,
        onChange: ({ type, key, reason }) => console.warn(type, key, reason),
      }),
    ],
  });
  // #endregion
  const { plugins, services } = pipeline.describe();
  expect(plugins).toMatchObject([{ name: 'circuit-breaker', options: { failureRate: 0.3 } }]);
  expect(services).toContainEqual({ name: 'circuits', source: 'embedded' });
});
