import type { Outcome } from '../outcome.ts';
import { CLOCK } from '../clock.ts';
import type { PipelineOptions } from '../options.ts';
import { createPipeline, type Pipeline } from '../pipeline.ts';
import { definePlugin } from '../plugin.ts';
import { RANDOM } from '../random.ts';
import { provide } from '../services.ts';
import { TRANSPORT } from '../transport/transport.ts';
import type { Dialect } from './error-body.ts';
import { fakeClock, type FakeClock } from './fake-clock.ts';
import { fakeRandom } from './fake-random.ts';
import { type ScriptedAnswer, type ScriptedTransport, scriptedTransport } from './scripted-transport.ts';

/** A pipeline's options, and the answers of its transport. */
export interface TestPipelineOptions extends Partial<PipelineOptions> {
  /** What the transport answers, in order. Default: nothing, and every request is an error. */
  readonly answers?: readonly ScriptedAnswer[];
  /** Send by the real transport, to a `fakeUpstream()` for instance; the clock stands still all the same. Default: false. */
  readonly sockets?: boolean;
  /** The dialect of `post()`. Default: `anthropic-messages`. */
  readonly dialect?: Dialect;
}

/** A pipeline to test a plugin in: no socket, no real time, no chance. To dispose of it closes it at once. */
export interface TestPipeline extends AsyncDisposable {
  /** The pipeline under test. */
  readonly pipeline: Pipeline;
  /** What is sent, and what answers. */
  readonly transport: ScriptedTransport;
  /** Stands still until the test moves it. */
  readonly clock: FakeClock;
  /** How the calls ended that reached the plugins, in order of their ends. */
  readonly outcomes: readonly Outcome[];
  /** Sends a small request in the dialect; `fields` are laid over its body. */
  post(fields?: Readonly<Record<string, unknown>>, init?: RequestInit): Promise<Response>;
}

const PATHS: Readonly<Record<Dialect, string>> = {
  'anthropic-messages': '/v1/messages',
  'openai-chat': '/v1/chat/completions',
  'openai-responses': '/v1/responses',
};

/** Makes a {@link TestPipeline}. Any option of `createPipeline` may be given, services and plugins included. */
export function testPipeline(options: TestPipelineOptions = {}): TestPipeline {
  const {
    answers = [],
    sockets = false,
    dialect = 'anthropic-messages',
    plugins = [],
    services = [],
    ...others
  } = options;
  const transport = scriptedTransport(...answers);
  const clock = fakeClock();
  const outcomes: Outcome[] = [];
  const recorder = definePlugin({
    name: 'test-outcomes',
    create: () => ({
      handle: (request, next, ctx) => {
        ctx.onComplete((outcome) => {
          outcomes.push(outcome);
        });
        return next(request);
      },
    }),
  });
  const pipeline = createPipeline({
    upstream: 'https://upstream.test',
    plugins: [recorder(), ...plugins],
    services: [
      provide(CLOCK, () => clock),
      provide(RANDOM, () => fakeRandom()),
      ...(sockets ? [] : [provide(TRANSPORT, () => transport)]),
      ...services,
    ],
    ...others,
  });
  const input =
    dialect === 'openai-responses' ? { input: 'Hi' } : { messages: [{ role: 'user', content: 'Hi' }] };
  return {
    pipeline,
    transport,
    clock,
    outcomes,
    post: (fields = {}, init = {}) =>
      pipeline.fetch(`https://caller.test${PATHS[dialect]}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'any', max_tokens: 64, ...input, ...fields }),
        ...init,
      }),
    async [Symbol.asyncDispose]() {
      let closed = false;
      const closing = pipeline.close(0).finally(() => (closed = true));
      closing.catch(() => undefined); // Until it is awaited below.
      // Calls whose bodies nobody has read are given up when the time for them has passed.
      for (let i = 0; i < 1_000 && !closed; i++) await clock.advance(1_000);
      await closing;
    },
  };
}
