import type { LimitRule } from '@sluice/rate-limit';

const windowMs = 86_400_000;

/** Limits that no call of a benchmark meets. */
export const threeRules: readonly LimitRule[] = [
  { name: 'requests', of: 'requests', limit: 1e9, windowMs },
  { name: 'tokens', of: 'tokens', limit: 1e9, windowMs, by: ['tenant', 'model'] },
  { name: 'parallel', of: 'concurrent-calls', limit: 10_000 },
];
