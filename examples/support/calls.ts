import { EventEmitter, on } from 'node:events';
import type { ApiRequest, Outcome } from '@sluice/core';

/** Where the app's own plugin tells of calls that have ended. */
export class Calls extends EventEmitter<{ ended: [request: ApiRequest, outcome: Outcome] }> {
  ended(request: ApiRequest, outcome: Outcome): void {
    this.emit('ended', request, outcome);
  }

  /** How the next calls end, in the order in which they do. */
  async next(count: number): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = [];
    const endings = on(this, 'ended', { signal: AbortSignal.timeout(60_000) });
    for await (const [, outcome] of endings as AsyncIterable<[ApiRequest, Outcome]>) {
      if (outcomes.push(outcome) === count) break;
    }
    return outcomes;
  }
}
