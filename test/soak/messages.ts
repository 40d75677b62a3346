import type { OutcomeKind } from '@sluice/core';

/** What the host's process holds at one moment, after a collection. */
export interface Sample {
  readonly heapBytes: number;
  /** What keeps the event loop busy, by kind: sockets, timers, servers. */
  readonly resources: Readonly<Record<string, number>>;
  /** Open file handles; undefined where the system does not tell. */
  readonly files: number | undefined;
}

/** What the parent asks of the host. */
export type ToHost = 'sample' | 'end';

/** What the host says. */
export type FromHost =
  | {
      readonly type: 'ready';
      readonly url: string;
      readonly before: Sample;
      readonly keys: readonly string[];
    }
  | { readonly type: 'sample'; readonly sample: Sample }
  | {
      readonly type: 'ended';
      readonly after: Sample;
      /** How the calls ended. */
      readonly outcomes: Readonly<Partial<Record<OutcomeKind, number>>>;
      /** What nobody has caught. */
      readonly uncaught: readonly string[];
    };
