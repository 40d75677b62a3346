import type { Cell } from './cells.ts';
import type { SubjectProcess } from './child.ts';
import type { LoadResult } from './load.ts';

/** Lets a client do its own calls. */
export class ClientLoad {
  readonly #subject: SubjectProcess;
  readonly #cell: Cell;

  constructor(subject: SubjectProcess, cell: Cell) {
    this.#subject = subject;
    this.#cell = cell;
  }

  /** Makes `callsPerSlot` calls for each of those in flight, one after the other. */
  async run(callsPerSlot: number): Promise<LoadResult> {
    const { mode, inFlight } = this.#cell;
    const { seconds } = await this.#subject.ask({ type: 'call', mode, inFlight, callsPerSlot }, 'called');
    return { calls: callsPerSlot * inFlight, seconds, latenciesMs: [], firstEventsMs: [] };
  }

  close(): void {}
}
