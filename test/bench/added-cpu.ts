// What `retry`, `regionRouting` and `circuitBreaker` together add to a successful call, in CPU time and in one process:
// no socket, which would be most of the figure and all of its noise. Run it with `node test/bench/added-cpu.ts`; with the
// word `inspector` behind it, it measures that plugin instead.
import { circuitBreaker } from '@sluice/circuit-breaker';
import { createPipeline, type Pipeline, provide, TRANSPORT } from '@sluice/core';
import { anthropicMessage, anthropicStream, scriptedTransport, streamAnswer } from '@sluice/core/testing';
import { inspector, inspectorHandle } from '@sluice/inspector';
import { regionRouting } from '@sluice/region-routing';
import { retry } from '@sluice/retry';

const CALLS = 500;
const WARM_UP = 40;
const ROUNDS = 240;

const MESSAGE = anthropicMessage({ text: 'One two three' });
const STREAM = anthropicStream({ text: 'One two three' }).join('');

/** Answers at once, for ever. */
const transport = {
  ...scriptedTransport(),
  send: (...[request, ctx]: Parameters<ReturnType<typeof scriptedTransport>['send']>) =>
    Promise.resolve(
      streamAnswer(
        ctx.streamed ? STREAM : MESSAGE,
        ctx.streamed ? {} : { headers: { 'content-type': 'application/json' } },
      )(request, ctx),
    ),
};

const pipelineOf = (plugins: Parameters<typeof createPipeline>[0]['plugins']): Pipeline =>
  createPipeline({
    upstream: 'https://upstream.test',
    plugins: plugins ?? [],
    services: [provide(TRANSPORT, () => transport)],
  });

const endpoints = ['eu', 'us', 'jp'].map((id) => ({ id, region: id, url: `https://${id}.test` }));
const empty = pipelineOf([]);
const [what, measured] =
  process.argv[2] === 'inspector'
    ? (['the inspector adds', pipelineOf([inspector({ handle: inspectorHandle() })])] as const)
    : (['the three add', pipelineOf([retry(), regionRouting({ endpoints }), circuitBreaker()])] as const);

/** CPU microseconds per call. */
async function turn(pipeline: Pipeline, stream: boolean): Promise<number> {
  const messages = [{ role: 'user', content: 'Hi' }];
  const body = JSON.stringify({ model: 'claude-opus-5-5', max_tokens: 64, stream, messages });
  const before = process.cpuUsage();
  for (let i = 0; i < CALLS; i++) {
    const response = await pipeline.fetch('https://caller.test/v1/messages', { method: 'POST', body });
    await response.text();
    if (response.status !== 200) throw new Error(`status ${response.status}`);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / CALLS;
}

const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))] ?? NaN;

for (const stream of [false, true]) {
  const alone: number[] = [];
  const added: number[] = [];
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    // Now the one first, now the other: garbage of the first is collected in the second's time.
    const order = round % 2 === 0 ? [empty, measured] : [measured, empty];
    const [first, second] = [
      await turn(order[0] as Pipeline, stream),
      await turn(order[1] as Pipeline, stream),
    ];
    const [without, withThem] = round % 2 === 0 ? [first, second] : [second, first];
    if (round < 0) continue;
    alone.push(without);
    added.push(withThem - without);
  }
  const [low, median, high] = [0.25, 0.5, 0.75].map((share) => quantile(added, share).toFixed(1));
  console.log(
    `${stream ? 'streamed' : 'whole   '}  ${ROUNDS * CALLS} calls each  empty ${quantile(alone, 0.5).toFixed(1)} µs  ` +
      `${what} ${median} µs (middle half ${low} to ${high})`,
  );
}
await Promise.all([empty.close(), measured.close()]);
