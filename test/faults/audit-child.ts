// Makes calls without an end, and says of each when its intent is durable and when its outcome is. Killed by a test.
import { createPipeline, provide, TRANSPORT } from '@sluice/core';
import { anthropicMessage, streamAnswer } from '@sluice/core/testing';
import { audit, type Durability } from '@sluice/audit';

const [directory = '', durability = 'sync', key = ''] = process.argv.slice(2);
const text = anthropicMessage();
const answer = streamAnswer(text, { headers: { 'content-type': 'application/json' } });
// Written by one call of the system each, so that what the parent reads was certainly said.
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const pipeline = createPipeline({
  upstream: 'https://upstream.test',
  plugins: [
    audit({
      directory,
      durability: durability as Durability,
      rotateBytes: 64 * 1024,
      checkpoints: { signingKey: key, everyRecords: 50 },
    }),
  ],
  services: [
    provide(TRANSPORT, () => ({
      // What is sent has its intent on the disk.
      send: async (request, ctx) => {
        say(`intent ${ctx.id}`);
        return answer(request, ctx);
      },
      close: async () => undefined,
    })),
  ],
});
await pipeline.start();
say('ready');
const body = Buffer.from(
  JSON.stringify({ model: 'm', max_tokens: 1, messages: [{ role: 'user', content: 'Hi' }] }),
);
const call = async (): Promise<void> => {
  for (;;) {
    const response = await pipeline.handle({
      method: 'POST',
      target: '/v1/messages',
      headers: { 'content-type': 'application/json' },
      body,
    });
    await response.arrayBuffer();
  }
};
await Promise.all(Array.from({ length: 8 }, call));
