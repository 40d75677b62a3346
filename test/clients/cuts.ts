import type { Behaviour } from '@sluice/core/testing';

/** Streams that break off after some content, in every way there is. */
export const CUTS: readonly Behaviour[] = [
  { kind: 'cut-mid-stream', ending: 'last-chunk' },
  { kind: 'cut-mid-stream', ending: 'fin' },
  { kind: 'cut-mid-stream', ending: 'close-delimited' },
  { kind: 'reset-mid-stream' },
  { kind: 'truncate', framing: 'close-delimited', ending: 'rst' },
];
