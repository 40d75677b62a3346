import { ALLOWED_REGIONS, definePlugin } from '@sluice/core';
import {
  anthropicMessage,
  anthropicStream,
  type ScriptedAnswer,
  streamAnswer,
  testPipeline,
  type TestPipeline,
} from '@sluice/core/testing';
import { expect, test } from 'vitest';
import { regionRouting, type RegionRoutingOptions } from './index.ts';

const FIRST = { id: 'first', region: 'us', url: 'https://first.test', provider: 'anthropic' };
const CLOUD = { id: 'cloud', region: 'eu', url: 'https://cloud.test', provider: 'cloud' };
const TWIN = { id: 'twin', region: 'eu', url: 'https://twin.test', provider: 'anthropic' };

/** Each endpoint signs with its own name. */
const signed: ScriptedAnswer = (request, ctx) => {
  const signature = `signed-by-${request.endpoint?.id}`;
  if (ctx.streamed) {
    const events = anthropicStream({ text: 'One' });
    const delta = { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature } };
    const event = `event: content_block_delta\ndata: ${JSON.stringify(delta)}\n\n`;
    return streamAnswer([...events.slice(0, 3), event, ...events.slice(3)])(request, ctx);
  }
  const message = JSON.parse(anthropicMessage()) as { content: unknown[] };
  message.content.unshift({ type: 'thinking', thinking: 'Hm.', signature });
  return new Response(JSON.stringify(message), { headers: { 'content-type': 'application/json' } });
};

/** A pipeline whose tenants may be told apart by region. */
function signing(
  endpoints: RegionRoutingOptions['endpoints'],
  allowed?: () => readonly string[],
): TestPipeline {
  const identity = definePlugin({
    name: 'identity',
    create: () => ({
      handle: (request, next, ctx) => {
        if (allowed !== undefined) ctx.state.set(ALLOWED_REGIONS, allowed());
        return next(request);
      },
    }),
  });
  return testPipeline({
    answers: Array.from({ length: 100 }, () => signed),
    plugins: [identity(), regionRouting({ endpoints, strategy: 'priority' })],
  });
}

const withHistory = (...signatures: string[]): Record<string, unknown> => ({
  messages: [
    { role: 'user', content: 'Hi' },
    {
      role: 'assistant',
      content: signatures.map((signature) => ({ type: 'thinking', thinking: 'Hm.', signature })),
    },
    { role: 'user', content: 'Go on' },
  ],
});

const went = ({ transport }: TestPipeline): (string | undefined)[] =>
  transport.requests.map(({ endpoint }) => endpoint?.id);

test.each([false, true])(
  'a conversation goes on where its thinking was signed (stream: %s)',
  async (stream) => {
    let allowed = ['eu', 'us'];
    await using pipe = signing([FIRST, CLOUD, TWIN], () => allowed);
    allowed = ['eu']; // CLOUD is the first of these.
    await (await pipe.post({ stream })).text();
    allowed = ['eu', 'us'];
    await (await pipe.post({ stream, ...withHistory('signed-by-cloud') })).text();
    await (await pipe.post({ stream })).text();
    expect(went(pipe)).toEqual(['cloud', 'cloud', 'first']);
    expect(pipe.outcomes[1]?.history[0]?.endpoint?.decision?.dropped).toEqual([
      { endpoint: 'first', reason: 'signature' },
      { endpoint: 'twin', reason: 'signature' },
    ]);
    // Any endpoint of the group will do.
    allowed = ['eu'];
    await (await pipe.post({ stream, ...withHistory('signed-by-first') })).text();
    expect(went(pipe).at(-1)).toBe('twin');
  },
);

test('what nobody here signed, or nobody permitted can verify, goes anywhere', async () => {
  let allowed = ['us'];
  await using pipe = signing([FIRST, CLOUD], () => allowed);
  await (await pipe.post(withHistory('signed-long-ago'))).text();
  allowed = ['eu'];
  await (await pipe.post(withHistory('signed-by-first'))).text();
  expect(went(pipe)).toEqual(['first', 'cloud']);
});

test("where all endpoints accept each other's signatures nothing is looked at", async () => {
  await using pipe = signing([FIRST, TWIN]);
  await (await pipe.post()).text();
  await (await pipe.post(withHistory('signed-by-first'))).text();
  expect(pipe.outcomes[1]?.history[0]?.endpoint?.decision).toEqual({ reason: 'priority', dropped: [] });
});
