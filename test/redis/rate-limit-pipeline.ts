import { createPipeline, type Pipeline, provide, TRANSPORT, type Transport } from '@sluice/core';
import { anthropicMessage } from '@sluice/core/testing';
import { LIMIT_STORE, rateLimit, type RateLimitOptions, redisLimitStore } from '@sluice/rate-limit';
import { Redis } from 'ioredis';

/** Tokens that every answer says it used, and that every call is expected to use. */
const USED = { inputTokens: 10, outputTokens: 5 };

/** What a limited pipeline is made with. */
export interface LimitedParts {
  readonly url: string;
  readonly prefix: string;
  readonly options: RateLimitOptions;
  /** Calls are sent and never answered. */
  readonly silent?: boolean;
  readonly totalMs?: number;
}

/** A pipeline with a limiter that counts in Redis, and an upstream that answers at once, or never. */
export interface Limited extends AsyncDisposable {
  readonly pipeline: Pipeline;
  readonly redis: Redis;
  /** Calls that reached the upstream. */
  sent(): number;
  /** Makes a call, and returns its status. */
  call(signal?: AbortSignal): Promise<number>;
}

/** Makes a {@link Limited}, in real time. */
export function limitedBy({ url, prefix, options, silent = false, totalMs = 60_000 }: LimitedParts): Limited {
  const redis = new Redis(url, { maxRetriesPerRequest: 0, retryStrategy: () => 20 });
  redis.on('error', () => undefined);
  let sent = 0;
  const usage = { input_tokens: USED.inputTokens, output_tokens: USED.outputTokens };
  const body = anthropicMessage({ usage });
  const transport: Transport = {
    send: ({ signal }) => {
      sent++;
      if (!silent)
        return Promise.resolve(new Response(body, { headers: { 'content-type': 'application/json' } }));
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    },
    close: () => Promise.resolve(),
  };
  const pipeline = createPipeline({
    upstream: 'https://upstream.test',
    plugins: [rateLimit({ estimate: () => USED, ...options })],
    timeouts: { totalMs },
    services: [
      provide(TRANSPORT, () => transport),
      provide(LIMIT_STORE, () => redisLimitStore(redis, { prefix })),
    ],
  });
  return {
    pipeline,
    redis,
    sent: () => sent,
    async call(signal) {
      const response = await pipeline.fetch('https://caller.test/v1/messages', {
        method: 'POST',
        body: JSON.stringify({ model: 'claude', max_tokens: 5, messages: [{ role: 'user', content: 'Hi' }] }),
        ...(signal && { signal }),
      });
      await response.text();
      return response.status;
    },
    async [Symbol.asyncDispose]() {
      await pipeline.close(0);
      redis.disconnect();
    },
  };
}
