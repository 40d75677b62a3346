// A pipeline for `sluice-batch --config`.
import { createPipeline } from '@sluice/core';
import { rateLimit } from '@sluice/rate-limit';
import { retry } from '@sluice/retry';

export default createPipeline({
  upstream: process.env['UPSTREAM'] ?? 'https://api.anthropic.com',
  plugins: [
    // Two a second are one each 500 ms, and the others wait.
    rateLimit({ mode: 'pace', rules: [{ name: 'rps', of: 'requests', limit: 2, windowMs: 1_000 }] }),
    retry(),
  ],
});
