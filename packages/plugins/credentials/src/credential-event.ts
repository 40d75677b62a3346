import type { Clock } from '@sluice/core';

/** Something happened to a key. Holds no secret and no text of a request. */
export interface CredentialEvent {
  /**
   * `key-cooled`: a limit was reached, and the key rests for the model. `key-quarantined`: the upstream refused it.
   * `key-forbidden`: it was accepted, and may not do what was asked for; nothing changes for it. `key-rotated`: its
   * source gave another. `refresh-failed`: its source gave none, and the one that is there is kept.
   */
  readonly type: 'key-cooled' | 'key-quarantined' | 'key-forbidden' | 'key-rotated' | 'refresh-failed';
  /** The id of its source. */
  readonly key: string;
  /** The endpoint whose pool it is in; `default` for the pool of calls without one. */
  readonly endpoint: string;
  /** The tenant it belongs to, if it belongs to one. */
  readonly tenant?: string;
  /** The model that the call asked for. */
  readonly model?: string;
  /** For how long, in milliseconds. */
  readonly forMs?: number;
  /** A sentence for the operator. */
  readonly reason?: string;
}

/** Who is told. */
export type Tell = (event: CredentialEvent) => void;

/** What an operator has to know of, who asked for no events. */
const WORTH_A_WARNING = new Set<CredentialEvent['type']>([
  'key-quarantined',
  'key-forbidden',
  'refresh-failed',
]);

/** What a caller can bring about at will is told once a minute and key. */
const AGAIN_MS = 60_000;

/** Tells by process warnings. */
export function tellByWarning(clock: Clock): Tell {
  const toldAt = new Map<string, number>();
  return ({ type, key, endpoint, tenant = '', reason }) => {
    if (!WORTH_A_WARNING.has(type)) return;
    const what = JSON.stringify([type, key, endpoint, tenant]);
    const now = clock.now();
    if (now - (toldAt.get(what) ?? -Infinity) < AGAIN_MS) return;
    toldAt.set(what, now);
    process.emitWarning(`${type}: the key "${key}" of endpoint "${endpoint}": ${reason}`, 'SluiceWarning');
  };
}

/** Tells somebody who may throw. */
export function tellSafely(tell: Tell): Tell {
  return (event) => {
    try {
      tell(event);
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      process.emitWarning(`onEvent of credentials threw: ${what}`, 'SluiceWarning');
    }
  };
}
