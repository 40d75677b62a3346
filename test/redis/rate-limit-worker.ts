import { setTimeout as sleep } from 'node:timers/promises';
import { type LimitedParts, limitedBy } from './rate-limit-pipeline.ts';

/** What a worker is told to do. */
export interface WorkerOrder extends LimitedParts {
  readonly callers: number;
  readonly callsEach: number;
}

/*
 * One process of an app: so many callers at once, so many calls one after the other each. Tells its parent what every
 * call came to; those that never end are counted once they were sent.
 */
process.on('message', (order: WorkerOrder) => {
  void work(order);
});
process.send?.('ready');

async function work({ callers, callsEach, ...parts }: WorkerOrder): Promise<void> {
  const limited = limitedBy(parts);
  let refused = 0;
  let told = false;
  const tell = (): void => {
    const admitted = limited.sent();
    if (told || refused + admitted !== callers * callsEach) return;
    told = true;
    process.send?.({ admitted, refused });
  };
  const caller = async (): Promise<void> => {
    for (let n = 0; n < callsEach; n++) {
      const pending = limited.call().then((status) => {
        if (status === 429) refused++;
        else if (status !== 200) throw new Error(`a call was answered with ${status}`);
        tell();
      });
      // Calls that never end are all made at once.
      if (parts.silent === true) pending.catch(() => undefined);
      else await pending;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  // Those that never end were sent, or will be.
  while (!told) {
    await sleep(20);
    tell();
  }
}
