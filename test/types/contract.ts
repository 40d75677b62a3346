/**
 * Facts about the public types, checked by the compiler alone (`pnpm run types`): each `@ts-expect-error` is a
 * mistake that must stay one. Nothing here runs.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { mount as mountExpress } from '@sluice/adapters/express';
import { mount as mountKoa } from '@sluice/adapters/koa';
import { mount as mountNode } from '@sluice/adapters/node';
import { mount as mountWeb } from '@sluice/adapters/web';
import Anthropic from '@anthropic-ai/sdk';
import {
  CLOCK,
  type Clock,
  createPipeline,
  definePlugin,
  type Middleware,
  PRINCIPAL,
  provide,
  stateKey,
  token,
} from '@sluice/core';
import { retry } from '@sluice/retry';
import express from 'express';
import { Hono } from 'hono';
import Koa from 'koa';
import OpenAI from 'openai';
import { container } from 'tsyringe';

const pipeline = createPipeline({
  upstream: 'https://api.anthropic.com',
  plugins: [retry({ maxRetries: 1 })],
});

// A pipeline is what official SDKs take for their fetch.
void new Anthropic({ apiKey: 'k', fetch: pipeline.fetch });
void new OpenAI({ apiKey: 'k', fetch: pipeline.fetch });

// Mounts fit the frameworks without a cast.
express().use('/claude', mountExpress(pipeline));
new Koa().use(mountKoa(pipeline, { basePath: '/claude' }));
new Hono().all('/claude/*', (c) => mountWeb(pipeline, { basePath: '/claude' })(c.req.raw));
const handler: (req: IncomingMessage, res: ServerResponse) => Promise<boolean> = mountNode(pipeline);
void handler;

// Options are checked by name and by type.
// @ts-expect-error there is no such option
retry({ maxRetry: 1 });
// @ts-expect-error milliseconds are numbers
retry({ baseDelayMs: '500' });
// @ts-expect-error an upstream is needed
createPipeline({ plugins: [] });
// @ts-expect-error the factory is no plugin
createPipeline({ upstream: 'https://api.anthropic.com', plugins: [retry] });

// A request is never changed in place, and a middleware must hand on an answer.
const changing: Middleware = (request, next) => {
  // @ts-expect-error read-only
  request.url = 'https://elsewhere.example';
  return next({ ...request, headers: { ...request.headers, 'x-mine': '1' } });
};
void changing;
// @ts-expect-error nothing is returned
const forgetting: Middleware = async (request, next) => {
  await next(request);
};
void forgetting;

// State keys carry their type.
const attempts = stateKey<number>('attempts');
void definePlugin({
  name: 'counting',
  needs: { clock: CLOCK },
  create: (_options, { clock }) => ({
    handle(request, next, ctx) {
      const now: number = clock.now();
      ctx.state.set(attempts, now);
      // @ts-expect-error a number was promised
      ctx.state.set(attempts, 'three');
      // @ts-expect-error nobody may have set it
      const id: string = ctx.state.get(PRINCIPAL).id;
      void id;
      return next(request);
    },
  }),
});

// Services are typed by their token, which is a tsyringe token too.
interface Ledger {
  spend(tokens: number): void;
}
const LEDGER = token<Ledger>('ledger');
provide(LEDGER, () => ({ spend: () => undefined }));
// @ts-expect-error it does not spend
provide(LEDGER, () => ({}));
provide(LEDGER, ({ clock }) => ({ spend: (tokens) => void (tokens + clock.now()) }), { clock: CLOCK });
container.register<Clock>(CLOCK, { useFactory: () => pipeline.clock });
