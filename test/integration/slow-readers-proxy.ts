import { createServer } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { mount } from '@sluice/adapters/node';
import { createPipeline, definePlugin } from '@sluice/core';

/** What the proxy tells of itself when it is asked. */
export interface ProxyFacts {
  /** Resident memory after a collection, in bytes. */
  readonly rss: number;
  /** Calls in progress. */
  readonly calls: number;
}

// A process of its own, whose memory is nobody else's: `slow-readers-proxy.ts <upstream> <socket>`, with --expose-gc.
const [, , upstream = '', socket = ''] = process.argv;
let calls = 0;
const count = definePlugin({
  name: 'count',
  create: () => ({
    handle(request, next, ctx) {
      calls++;
      ctx.onComplete(() => {
        calls--;
      });
      return next(request);
    },
  }),
});
const handle = mount(createPipeline({ upstream, plugins: [count()] }));
const server = createServer((req, res) => void handle(req, res));
server.listen(socket, () => process.send?.('listening'));
process.on('message', () => {
  void measure();
});
process.on('disconnect', () => {
  process.exit();
});

async function measure(): Promise<void> {
  // Twice: what the first collection finalises, the second one frees.
  for (let n = 0; n < 2; n++) {
    gc?.();
    await nextTurn();
  }
  process.send?.({ rss: process.memoryUsage.rss(), calls } satisfies ProxyFacts);
}
