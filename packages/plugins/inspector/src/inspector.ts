import { CLOCK, definePlugin, type OptionSchema, type PluginFactory } from '@sluice/core';
import * as v from 'valibot';
import { InspectorHandle } from './handle.ts';

/** Options of `inspector`. */
export interface InspectorOptions {
  /** Where what was seen is kept; made with `inspectorHandle()`, and given to `mount` too. */
  readonly handle: InspectorHandle;
}

const options: OptionSchema<InspectorOptions> = v.strictObject({
  handle: v.instance(InspectorHandle, 'must be made with inspectorHandle()'),
});

/**
 * Watches the calls of a pipeline for the page that `mount` shows. It changes nothing, and costs a call two notes: when it
 * comes and when it has ended.
 */
export const inspector: PluginFactory<InspectorOptions> = definePlugin({
  name: 'inspector',
  outside: [
    'audit',
    'identity',
    'labels',
    'moderation',
    'cache',
    'rate-limit',
    'retry',
    'region-routing',
    'circuit-breaker',
    'credentials',
  ],
  needs: { clock: CLOCK },
  options,
  // Who only looks on must not be in the way.
  onError: 'open',
  create: ({ handle }, { clock }) => {
    const { records } = handle;
    handle.attach();
    return {
      handle(request, next, ctx) {
        const call = records.began(ctx, clock.now());
        ctx.onComplete((outcome) => {
          records.finished(call, outcome, clock.now(), clock.wallTime());
        });
        return next(request);
      },
      close: () => {
        handle.detach();
      },
    };
  },
});
