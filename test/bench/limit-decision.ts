// What a decision of the limiter costs, counted in memory: from the moment a call comes to `rateLimit` until it goes on, in
// one process and without sockets. Run it with `node test/bench/limit-decision.ts`; about ten seconds.
import {
  createPipeline,
  definePlugin,
  type Plugin,
  PRINCIPAL,
  provide,
  takeSource,
  TRANSPORT,
} from '@sluice/core';
import { anthropicMessage, scriptedTransport } from '@sluice/core/testing';
import { rateLimit } from '@sluice/rate-limit';
import { EXCHANGES } from './canned.ts';
import { quantile } from './quantile.ts';
import { threeRules } from './three-rules.ts';

const CALLS = 60_000;
const WARM_UP = 20_000;

const ANSWER = anthropicMessage({ text: 'One two three' });
const headers = { 'content-type': 'application/json' };
const transport = {
  ...scriptedTransport(),
  send: () => Promise.resolve(new Response(ANSWER, { headers })),
};

/** Nanoseconds from before a plugin to behind it, of each call that counts. */
async function between(plugin: Plugin | undefined): Promise<number[]> {
  let began = 0n;
  const took: number[] = [];
  const before = definePlugin({
    name: 'before',
    create: () => ({
      handle(request, next, ctx) {
        ctx.state.set(PRINCIPAL, { id: 'app', tenant: 'acme' });
        began = process.hrtime.bigint();
        return next(request);
      },
    }),
  });
  const behind = definePlugin({
    name: 'behind',
    create: () => ({
      handle(request, next) {
        took.push(Number(process.hrtime.bigint() - began));
        return next(request);
      },
    }),
  });
  await using pipeline = createPipeline({
    upstream: 'https://upstream.test',
    plugins: plugin === undefined ? [before(), behind()] : [before(), plugin, behind()],
    services: [provide(TRANSPORT, () => transport)],
  });
  const body = new Uint8Array(EXCHANGES.json.requestBody);
  for (let call = 0; call < CALLS; call++) {
    const inbound = { method: 'POST', target: '/v1/messages', headers, body: new Uint8Array(body) };
    takeSource(await pipeline.handle(inbound)).cancel(undefined);
  }
  return took.slice(WARM_UP);
}

const none = quantile(await between(undefined), 0.5);
for (const rules of [threeRules.slice(0, 1), threeRules]) {
  const took = await between(rateLimit({ rules }));
  const [low, median, high] = [0.25, 0.5, 0.75].map((share) =>
    ((quantile(took, share) - none) / 1_000).toFixed(1),
  );
  console.log(`rules: ${rules.length}  a decision takes ${median} µs (middle half ${low} to ${high})`);
}
