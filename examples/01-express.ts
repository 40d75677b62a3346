// An Express app that has a life of its own, with the standard pipeline mounted under /claude. `npm start` runs it.
// It takes itself through a tour of what the plugins do, and then goes on listening; with --exit it ends after the tour.
// #region imports
import { mount } from '@sluice/adapters/express';
import { definePlugin } from '@sluice/core';
import { standardPipeline } from '@sluice/standard';
import express from 'express';
// #endregion
import { Calls } from './support/calls.ts';
import { logDirectory } from './support/log-directory.ts';
import { nextSteps } from './support/next-steps.ts';
import { regions } from './support/regions.ts';
import { interrupted, listen } from './support/server.ts';
import { tour } from './support/tour.ts';

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

await using claude = await regions();
await using log = await logDirectory();

// #region mount
const pipeline = standardPipeline({
  endpoints: claude.endpoints, // https://api.anthropic.com, or two regions of a fake Claude
  audit: { directory: log.path },
  moderation: { words: [{ text: 'grumblewort' }], detectors: ['email'] },
  cache: { ttlMs: 600_000 },
  rateLimit: {
    rules: [{ name: 'rps', of: 'requests', limit: 5, windowMs: 1_000 }],
    mode: 'pace',
  },
  retry: { maxRetries: 2 },
  regionRouting: { strategy: 'priority' },
  circuitBreaker: { consecutiveFailures: 3 },
  arrange: (plugins) => [journal(), ...plugins],
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
const ok = await tour({ url: server.url, claude, calls, log });
if (process.argv.includes('--exit')) {
  process.exitCode = ok ? 0 : 1;
} else {
  nextSteps({ url: server.url, claude, calls });
  await interrupted();
  console.log('\nClosing: calls in progress may take 5 seconds more.');
}
await pipeline.close(5_000);
