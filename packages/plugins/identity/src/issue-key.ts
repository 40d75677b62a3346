import { validateOptions } from '@sluice/core';
import { KeyCodec } from './key-codec.ts';
import { keyForm, type KeyFormOptions } from './options.ts';
import { checkVirtualKey, type VirtualKey } from './virtual-key.ts';

/** What a new key may do, and who gets it. */
export type KeyGrant = Omit<VirtualKey, 'id' | 'hash' | 'revokedAt'>;

/** A key that was just made. */
export interface IssuedKey {
  /** The whole key, for its owner. It is nowhere else, and cannot be had again. */
  readonly text: string;
  /** What belongs into the directory. */
  readonly key: VirtualKey;
}

/**
 * Makes a key. It is valid once its `key` stands in the directory.
 *
 * @param form As given to `identity`.
 * @throws TypeError When the grant or the form is impossible.
 */
export function issueKey(grant: KeyGrant = {}, form: KeyFormOptions = {}): IssuedKey {
  const { text, id, hash } = new KeyCodec(validateOptions('issueKey', keyForm, form)).make();
  return { text, key: checkVirtualKey({ id, ...grant, hash }) };
}
