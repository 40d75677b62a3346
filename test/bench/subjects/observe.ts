import { definePlugin, observeStream } from '@sluice/core';
import { servePipeline } from '../pipeline.ts';

const seen = { events: 0 };

const observe = definePlugin({
  name: 'observe',
  create: () => ({
    async handle(request, next) {
      return observeStream(await next(request), {
        event() {
          seen.events += 1;
        },
      });
    },
  }),
});

/** What one observing stream hook costs, apart from what it does with the events. */
export function start(upstreamUrl: string): Promise<number> {
  return servePipeline(upstreamUrl, [observe()]);
}
