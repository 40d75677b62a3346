import { CLOCK, token, type Token } from '@sluice/core';
import { memoryLimitStore } from './memory-store.ts';
import type { LimitStore } from './store.ts';

/** Where limits are counted. Embedded default: in the memory of this process. */
export const LIMIT_STORE: Token<LimitStore> = token('limit-store', {
  needs: { clock: CLOCK },
  create: ({ clock }) => memoryLimitStore({ clock }),
});
