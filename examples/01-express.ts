// An Express app that has a life of its own, with a pipeline mounted under /claude. `npm start` runs it.
// It takes itself through a short tour and then goes on listening; with --exit it ends after the tour.
// #region imports
import { mount } from '@sluice/adapters/express';
import { createPipeline, definePlugin } from '@sluice/core';
import { retry } from '@sluice/retry';
import express from 'express';
// #endregion
import { interrupted, listen } from './support/server.ts';
import { Calls, nextSteps, tour } from './support/tour.ts';
import { claudeOrFake } from './support/upstream.ts';

const calls = new Calls();

// #region plugin
/** A plugin of one's own: tells how each call ended. */
const journal = definePlugin({
  name: 'journal',
  create: () => ({
    handle(request, next, ctx) {
      ctx.onComplete((outcome) => calls.ended(request, outcome));
      return next(request);
    },
  }),
});
// #endregion

await using upstream = await claudeOrFake();

// #region mount
const pipeline = createPipeline({
  upstream: upstream.url, // https://api.anthropic.com
  plugins: [journal(), retry()],
});

const app = express();
app.use('/claude', mount(pipeline));
// #endregion

// The rest of the app has nothing to do with it.
const notes: { readonly text: string }[] = [];
app.get('/', (_req, res) => {
  res.send(`An app with ${notes.length} notes, and Claude under /claude.\n`);
});
app.get('/notes', (_req, res) => {
  res.json(notes);
});
app.post('/notes', express.json(), (req, res) => {
  const { text = '' } = (req.body ?? {}) as { text?: string };
  notes.push({ text });
  res.status(201).json(notes);
});

await using server = await listen(app);
const ok = await tour({ url: server.url, upstream, calls });
if (process.argv.includes('--exit')) {
  process.exitCode = ok ? 0 : 1;
} else {
  nextSteps({ url: server.url, upstream, calls });
  await interrupted();
  console.log('\nClosing: calls in progress may take 5 seconds more.');
}
await pipeline.close(5_000);
