import type { Mode } from './canned.ts';
import { isClient } from './kinds.ts';
import type { Options } from './options.ts';

/** A combination in which subjects are measured. */
export interface Cell {
  readonly mode: Mode;
  readonly inFlight: number;
  /** Streams come at a pace that leaves the machine time, in the place of as fast as they are read. */
  readonly paced: boolean;
}

/** The one number of calls in flight that everything is measured at. */
const USUAL_IN_FLIGHT = 16;

/** What a run measures, in the order of a round. */
export function cellsOf({ modes, inFlights, full, subjects }: Options): readonly Cell[] {
  const cells = modes.flatMap((mode) =>
    inFlights.map((inFlight): Cell => ({ mode, inFlight, paced: false })),
  );
  const needsPace = modes.includes('sse') && (full || subjects.some(isClient));
  return needsPace ? [...cells, { mode: 'sse', inFlight: USUAL_IN_FLIGHT, paced: true }] : cells;
}

/** Whether a subject takes part. Nobody tells the upstream what a client has read, so its streams are paced. */
export function takesPart(subject: string, { mode, inFlight, paced }: Cell, full: boolean): boolean {
  if (isClient(subject)) return inFlight === USUAL_IN_FLIGHT && (mode === 'json' || paced);
  return full || !paced;
}
