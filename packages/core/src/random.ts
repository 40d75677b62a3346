import { randomUUID } from 'node:crypto';
import { token, type Token } from './token.ts';

/** Where every random choice of Sluice comes from. Replace `RANDOM` and a run can be repeated. */
export interface Random {
  /** A number in [0, 1). Not for secrets. */
  next(): number;
  /** A version 4 UUID (RFC 9562), for call ids. */
  uuid(): string;
}

/* oxlint-disable no-restricted-properties -- the one place where real chance enters. */
const systemRandom: Random = {
  next: () => Math.random(),
  uuid: () => randomUUID(),
};
/* oxlint-enable no-restricted-properties */

/** The randomness service. Embedded default: `Math.random` and `crypto.randomUUID`. */
export const RANDOM: Token<Random> = token('random', { create: () => systemRandom });
