import {
  createPipeline,
  definePlugin,
  type Outcome,
  type Pipeline,
  type PipelineOptions,
} from '@sluice/core';
import { type FakeUpstream, fakeUpstream, type FakeUpstreamOptions } from '@sluice/core/testing';
import type { Mount, Mounted, MountOptions } from './mounts.ts';

/** How a {@link Stage} is set up. */
export interface StageOptions {
  readonly upstream?: FakeUpstreamOptions;
  /** All but `upstream`, which is the fake one. */
  readonly pipeline?: Omit<PipelineOptions, 'upstream'>;
  readonly host?: MountOptions;
}

/** A fake upstream, a pipeline to it, and a mount of that. */
export interface Stage extends Mounted {
  readonly upstream: FakeUpstream;
  readonly pipeline: Pipeline;
  /** How the calls ended, in the order in which they did. */
  readonly outcomes: readonly Outcome[];
  /** Resolves with the outcome of the `n`th call to end, counted from 1. */
  outcome(n: number): Promise<Outcome>;
}

/** Sets the stage for a test: `await using stage = await stageFor(mount)`. */
export async function stageFor(mount: Mount, options: StageOptions = {}): Promise<Stage> {
  const outcomes: Outcome[] = [];
  const waiting = new Set<() => void>();
  const witness = definePlugin({
    name: 'witness',
    create: () => ({
      handle(request, next, ctx) {
        ctx.onComplete((outcome) => {
          outcomes.push(outcome);
          for (const check of waiting) check();
        });
        return next(request);
      },
    }),
  });
  const upstream = await fakeUpstream(options.upstream);
  const pipeline = createPipeline({
    ...options.pipeline,
    upstream: upstream.url,
    plugins: [witness(), ...(options.pipeline?.plugins ?? [])],
  });
  const mounted = await mount.start(pipeline, options.host);
  return {
    baseUrl: mounted.baseUrl,
    fetch: mounted.fetch,
    upstream,
    pipeline,
    outcomes,
    outcome: (n) =>
      new Promise((resolve) => {
        const check = (): void => {
          const outcome = outcomes[n - 1];
          if (outcome === undefined) return;
          waiting.delete(check);
          resolve(outcome);
        };
        waiting.add(check);
        check();
      }),
    async [Symbol.asyncDispose]() {
      // In this order nothing waits for anything: callers leave, calls end, connections close.
      await mounted[Symbol.asyncDispose]();
      await pipeline.close(1_000);
      await upstream.close();
    },
  };
}
