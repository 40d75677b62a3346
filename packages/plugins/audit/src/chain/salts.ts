import { hash, randomBytes } from 'node:crypto';

/** Which way bytes went: keeps a request's digest from passing for an answer's. */
export type Direction = 'request' | 'response';

/** A digest on its way into a record. There it stands salted: by itself it could be tested against guesses. */
export interface Unsalted {
  readonly direction: Direction;
  /** SHA-256 of the bytes, base64url. */
  readonly digest: string;
  /** Where its {@link DIGEST_CHARS} characters stand, counted from the end of the record's members. */
  readonly fromEnd: number;
}

/** A digest, base64url. */
export const DIGEST_CHARS = 43;
const KEY_BYTES = 32;
const SALT_CHARS = 22;

// Not 0 to 3: what is hashed here can never pass for a record, a node, a header or what is beside. Key, salt and digest
// have fixed lengths, so that no two different inputs are the same text.
const SALT = '\u0004';
const DIGEST = '\u0005';

/** What salts are derived from, base64url. Not from RANDOM: a key that can be foreseen protects nothing. */
export function newKey(): string {
  return randomBytes(KEY_BYTES).toString('base64url');
}

/** The salt of a record: `SHA-256(0x04 ‖ key ‖ sequence number, in decimal)`, as text, the first 22 characters of it. */
export function saltOf(key: string, seq: number): string {
  return hash('sha256', `${SALT}${key}${seq}`, 'base64url').slice(0, SALT_CHARS);
}

/** As it stands in a record: `SHA-256(0x05 ‖ salt ‖ "request" or "response" ‖ SHA-256(bytes))`, hashes and salt as text. */
export function salted(digest: string, direction: Direction, salt: string): string {
  return hash('sha256', `${DIGEST}${salt}${direction}${digest}`, 'base64url');
}
