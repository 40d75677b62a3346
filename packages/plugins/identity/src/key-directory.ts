import { token, type Token } from '@sluice/core';
import type { VirtualKey } from './virtual-key.ts';

/** Where keys are looked up. Only well-formed ones are. */
export interface KeyDirectory {
  /**
   * The key of this public id, revoked and expired ones too; undefined when there is none. A promise only where it is
   * not known at once. A rejection refuses the call with 503.
   */
  find(id: string, signal: AbortSignal): VirtualKey | undefined | Promise<VirtualKey | undefined>;
  /** Reads or connects to what the keys are in; a failure keeps the pipeline from starting. */
  start?(): Promise<void> | void;
  /** Closes what `start` opened. */
  close?(): Promise<void> | void;
}

/** The directory of keys. Provide one: `fileKeyDirectory`, `redisKeyDirectory`, or an object of your own. */
export const KEY_DIRECTORY: Token<KeyDirectory> = token('key-directory');
