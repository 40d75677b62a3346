// What `moderation` adds to a call in CPU time, in one process: 10,000 words and all detectors, on the bench's whole
// call of a kilobyte and its stream of 50 events, turn about with an empty pipeline. No socket, which would be most of
// the figure and all of its noise. Run: node test/bench/moderation-cost.ts
import { createPipeline, type Pipeline, provide, type Transport, TRANSPORT } from '@sluice/core';
import { streamAnswer } from '@sluice/core/testing';
import { moderation } from '@sluice/moderation';
import { EVENTS_PER_STREAM, EXCHANGES, type Mode } from './canned.ts';
import { contentRules } from './content-rules.ts';

const CALLS = 200;
const WARM_UP = 20;
const ROUNDS = 120;

/** The answer as it comes from a socket: one chunk for each write. */
function chunksOf(mode: Mode): readonly Uint8Array[] {
  const { body, bodyBytesAfterWrite } = EXCHANGES[mode];
  return bodyBytesAfterWrite.map((end, i) => body.subarray(bodyBytesAfterWrite[i - 1] ?? 0, end));
}

const CHUNKS = { json: chunksOf('json'), sse: chunksOf('sse') };

const transport: Transport = {
  send: (request, ctx) => {
    const answer = ctx.streamed
      ? streamAnswer(CHUNKS.sse)
      : streamAnswer(CHUNKS.json, { headers: { 'content-type': 'application/json' } });
    return Promise.resolve(answer(request, ctx));
  },
};

const pipelineOf = (plugins: NonNullable<Parameters<typeof createPipeline>[0]['plugins']>): Pipeline =>
  createPipeline({
    upstream: 'https://upstream.test',
    plugins,
    services: [provide(TRANSPORT, () => transport)],
  });
const empty = pipelineOf([]);
const moderated = pipelineOf([moderation(contentRules)]);

/** CPU microseconds per call. */
async function turn(pipeline: Pipeline, mode: Mode): Promise<number> {
  const { requestBody, body } = EXCHANGES[mode];
  const before = process.cpuUsage();
  for (let i = 0; i < CALLS; i++) {
    const response = await pipeline.fetch('https://caller.test/v1/messages', {
      method: 'POST',
      body: Buffer.from(requestBody),
    });
    const bytes = await response.arrayBuffer();
    if (response.status !== 200 || bytes.byteLength !== body.length) throw new Error('another answer');
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / CALLS;
}

const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))] ?? NaN;

for (const mode of ['json', 'sse'] as const) {
  const alone: number[] = [];
  const added: number[] = [];
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    // Now the one first, now the other: garbage of the first is collected in the second's time.
    const even = round % 2 === 0;
    const first = await turn(even ? empty : moderated, mode);
    const second = await turn(even ? moderated : empty, mode);
    if (round < 0) continue;
    const without = even ? first : second;
    alone.push(without);
    added.push(first + second - 2 * without);
  }
  const [low = NaN, median = NaN, high = NaN] = [0.25, 0.5, 0.75].map((share) => quantile(added, share));
  const each = mode === 'sse' ? `, ${(median / EVENTS_PER_STREAM).toFixed(2)} µs an event` : '';
  console.log(
    `${mode.padEnd(4)}  ${ROUNDS * CALLS} calls each  empty ${quantile(alone, 0.5).toFixed(1)} µs  ` +
      `moderation adds ${median.toFixed(1)} µs (middle half ${low.toFixed(1)} to ${high.toFixed(1)})${each}`,
  );
}
await Promise.all([empty.close(), moderated.close()]);
