import { createHash, type Hash, hash, randomFillSync } from 'node:crypto';

const SALT_BYTES = 16;
const POOL_BYTES = SALT_BYTES * 256;
const pool = Buffer.alloc(POOL_BYTES);
let used = POOL_BYTES;

/** Sixteen bytes that nobody can guess, base64url. From a pool: each call into the system costs as much as a hash. */
export function newSalt(): string {
  if (used === POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  used += SALT_BYTES;
  return pool.toString('base64url', used - SALT_BYTES, used);
}

/** Which way the bytes went: keeps a request's digest from passing for an answer's. */
export type Direction = 'request' | 'response';

const small = Buffer.alloc(4096);

/** Digest of bytes that are all there: `SHA-256(salt ‖ direction ‖ bytes)`, the first two as text. */
export function digestOf(bytes: Uint8Array, salt: string, direction: Direction): string {
  const head = salt.length + direction.length;
  if (head + bytes.length > small.length)
    return beginDigest(salt, direction).update(bytes).digest('base64url');
  // One call instead of four.
  small.write(salt + direction, 0, 'latin1');
  small.set(bytes, head);
  return hash('sha256', small.subarray(0, head + bytes.length), 'base64url');
}

/** The same for bytes that come one after the other. */
export function beginDigest(salt: string, direction: Direction): Hash {
  return createHash('sha256').update(salt + direction, 'latin1');
}
