// What a pipeline makes of an upstream that fails, fault by fault. Write a table like this for your own pipeline, with
// your plugins and your time limits, and run it in CI.
import Anthropic from '@anthropic-ai/sdk';
import { createPipeline, definePlugin, type Outcome, type OutcomeKind } from '@sluice/core';
import { type Behaviour, fakeUpstream } from '@sluice/core/testing';
import { retry } from '@sluice/retry';
import { printTable } from './support/table.ts';

await using upstream = await fakeUpstream();

const outcomes: Outcome[] = [];
const recorder = definePlugin({
  name: 'recorder',
  create: () => ({
    handle(request, next, ctx) {
      ctx.onComplete((outcome) => void outcomes.push(outcome));
      return next(request);
    },
  }),
});

const pipeline = createPipeline({
  upstream: upstream.url,
  plugins: [
    recorder(),
    // Short waits; and more in the budget for retries, which one fault after the other would use up.
    retry({ baseDelayMs: 10, throttledDelayMs: 10, budgetReserve: 1_000 }),
  ],
  timeouts: { firstEventMs: 600, idleMs: 600 },
});
const client = new Anthropic({ apiKey: 'not-a-key', fetch: pipeline.fetch });

/** What the upstream does to every request, what the SDK says to that, how the call ends, and after how many attempts. */
const faults: readonly (readonly [Behaviour, says: string, OutcomeKind, attempts: number])[] = [
  [{ kind: 'answer' }, 'You said: Hello!', 'completed', 1],
  [{ kind: 'status', status: 400 }, 'BadRequestError', 'upstream-error', 1],
  [{ kind: 'status', status: 403 }, 'PermissionDeniedError', 'upstream-error', 1],
  [{ kind: 'status', status: 429 }, 'RateLimitError', 'upstream-error', 3],
  [{ kind: 'status', status: 429, retryAfter: '3600' }, 'RateLimitError', 'upstream-error', 1],
  [{ kind: 'status', status: 529 }, 'OverloadedError', 'upstream-error', 3],
  [{ kind: 'html' }, 'InternalServerError', 'upstream-error', 3],
  [{ kind: 'error-event', status: 529 }, 'OverloadedError', 'upstream-error', 3],
  [{ kind: 'reset-after-headers' }, 'InternalServerError', 'upstream-error', 3],
  [{ kind: 'reset-mid-stream' }, 'APIError', 'upstream-error', 1],
  [{ kind: 'cut-mid-stream' }, 'APIError', 'upstream-error', 1],
  [{ kind: 'stall', at: 'before-headers' }, 'GatewayTimeoutError', 'timeout', 3],
  [{ kind: 'stall', at: 'after-headers' }, 'GatewayTimeoutError', 'timeout', 3],
  [{ kind: 'stall', at: 'mid-stream' }, 'APIError', 'timeout', 1],
];

const rows: string[][] = [];
for (const [behaviour, says, kind, attempts] of faults) {
  upstream.script(() => behaviour);
  const said = await client.messages
    .stream({ model: 'any', max_tokens: 100, messages: [{ role: 'user', content: 'Hello!' }] })
    .finalText()
    .catch((error: unknown) => (error as Error).constructor.name);
  // One call: the SDK, which tries three times by itself, has been told not to.
  const [outcome, ...more] = outcomes.splice(0);
  const asTold =
    said === says && outcome?.kind === kind && outcome.attempts === attempts && more.length === 0;
  if (!asTold) process.exitCode = 1;
  const { kind: fault, ...details } = behaviour;
  rows.push([
    [fault, ...Object.values(details)].join(' '),
    said,
    `${outcome?.kind}`,
    `${outcome?.attempts}`,
    asTold ? '' : `expected: ${says}, ${kind}, ${attempts}`,
  ]);
}
printTable(['upstream', 'SDK', 'outcome', 'attempts', ''], rows);
await pipeline.close();
