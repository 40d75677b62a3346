import { hash } from 'node:crypto';
import type { Digest } from './tree.ts';

/** Which way bytes went: keeps a request's digest from passing for an answer's. */
export type Direction = 'request' | 'response';

/** A digest on its way into a record. There it stands salted: by itself it could be tested against guesses. */
export interface Unsalted {
  readonly direction: Direction;
  /** SHA-256 of the bytes. */
  readonly digest: Digest;
  /** Where its {@link DIGEST_CHARS} characters stand, counted from the end of the record's members. */
  readonly fromEnd: number;
}

/** What salts are derived from: as many bytes that nobody can guess. */
export const KEY_BYTES = 32;
/** A salted digest in a record, base64url. */
export const DIGEST_CHARS = 43;
const SALT_BYTES = 16;

// Not 0 to 3: what is hashed here can never pass for a record, a node, a header or what is beside.
const salting = Buffer.alloc(1 + KEY_BYTES + 8, 4);
const digesting = Buffer.alloc(1 + SALT_BYTES + 1 + 32, 5);

/** The salt of a record: `SHA-256(0x04 ‖ key ‖ sequence number, 8 bytes, big-endian)`, the first 16 bytes of it. */
export function saltOf(key: Uint8Array, seq: number): Digest {
  salting.set(key, 1);
  salting.writeUInt32BE(Math.floor(seq / 2 ** 32), 1 + KEY_BYTES);
  salting.writeUInt32BE(seq >>> 0, 5 + KEY_BYTES);
  return hash('sha256', salting, 'binary').slice(0, SALT_BYTES);
}

/** As it stands in a record: `SHA-256(0x05 ‖ salt ‖ 0 for a request, 1 for an answer ‖ SHA-256(bytes))`. */
export function salted(digest: Digest, direction: Direction, salt: Digest): string {
  digesting.write(salt, 1, 'latin1');
  digesting[1 + SALT_BYTES] = direction === 'request' ? 0 : 1;
  digesting.write(digest, 2 + SALT_BYTES, 'latin1');
  return hash('sha256', digesting, 'base64url');
}
