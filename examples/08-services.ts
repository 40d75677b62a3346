// Dependency injection: a plugin says what it needs, and whoever assembles the pipeline decides what it gets.
import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import { createPipeline, definePlugin, provide, token } from '@sluice/core';
import { retry } from '@sluice/retry';
import { claudeOrFake } from './support/upstream.ts';

// #region service
interface PriceList {
  /** What a call costs, in dollars. */
  cost(inputTokens: number, outputTokens: number): number;
}

/** The token names the service. With an embedded default, nobody has to provide one. */
const PRICES = token<PriceList>('prices', {
  create: () => ({ cost: (input, output) => (input * 1 + output * 5) / 1e6 }),
});

const costs = definePlugin({
  name: 'costs',
  needs: { prices: PRICES },
  create: (_, { prices }) => ({
    handle(request, next, ctx) {
      ctx.onComplete(({ usage = {} }) => {
        const { inputTokens = 0, outputTokens = 0 } = usage;
        console.log(`That was $${prices.cost(inputTokens, outputTokens).toFixed(6)}.`);
      });
      return next(request);
    },
  }),
});
// #endregion

await using upstream = await claudeOrFake();

// #region provide
const pipeline = createPipeline({
  upstream: upstream.url,
  plugins: [costs(), retry()],
  // Everywhere in this pipeline, in place of the default: a contract of your own, a file, a database.
  services: [provide(PRICES, () => ({ cost: (input, output) => (input + output) / 1e3 }))],
});
// #endregion

const { services } = pipeline.describe();
assert.deepEqual(
  services.find(({ name }) => name === 'prices'),
  { name: 'prices', source: 'provided' },
);

const client = new Anthropic({ apiKey: upstream.apiKey, fetch: pipeline.fetch });
await client.messages.create({
  model: 'claude-haiku-4-5',
  max_tokens: 100,
  messages: [{ role: 'user', content: 'How much is it?' }],
});
await pipeline.close();
