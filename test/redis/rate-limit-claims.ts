import { type Claim, rateOf, type Reservation } from '@sluice/rate-limit';

/** Long enough that nothing comes back while a test runs. */
const DAY_MS = 86_400_000;

/** Claims of a test. */
export const rateClaim = (
  key: string,
  cost: number,
  {
    limit = 10,
    windowMs = DAY_MS,
    burst = limit,
    spaced = false,
    enforced = true,
  }: {
    readonly limit?: number;
    readonly windowMs?: number;
    readonly burst?: number;
    readonly spaced?: boolean;
    readonly enforced?: boolean;
  } = {},
): Claim & { kind: 'rate' } => ({
  kind: 'rate',
  key,
  cost,
  enforced,
  rate: rateOf(limit, windowMs, burst, spaced),
});

export const windowClaim = (
  key: string,
  cost: number,
  { limit = 10, floor = 0, endsAt = Date.UTC(2100, 0, 1), enforced = true } = {},
): Claim => ({ kind: 'window', key, cost, limit, floor, endsAt, enforced });

export const slotClaim = (
  key: string,
  { limit = 2, leaseMs = 60_000, enforced = true } = {},
): Claim & { kind: 'slot' } => ({ kind: 'slot', key, cost: 1, limit, leaseMs, enforced });

export const reservation = (
  id: string,
  claims: readonly Claim[],
  { group = 'g', leaseMs = 60_000 } = {},
): Reservation => ({ id, group, claims, leaseMs });
