import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import type { KeyForm } from './options.ts';

const ID_LENGTH = 12;
/** 43 × log₂ 62 = 256 bits. */
const SECRET_LENGTH = 43;
const CHECK_LENGTH = 6;
const REST_LENGTH = ID_LENGTH + 1 + SECRET_LENGTH + CHECK_LENGTH;
/** How much of the digest is kept of a key; what is before it becomes the check. */
const HASH_START = 8;
const HASH_LENGTH = 24;

/** Letters and digits: a double click selects no less, and nothing needs escaping. */
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const REST = new RegExp(`^[0-9A-Za-z]{${ID_LENGTH}}-[0-9A-Za-z]{${SECRET_LENGTH + CHECK_LENGTH}}$`);
/** The public part of a key. */
export const PUBLIC_ID: RegExp = new RegExp(`^[0-9A-Za-z]{${ID_LENGTH}}$`);
/** What a directory holds of a key's secret. */
export const KEY_HASH: RegExp = /^[\w-]{32}$/;

/** A key that is formed as it should be. Whether it is known, the directory has to say. */
export interface ReadKey {
  /** Its public part. */
  readonly id: string;
  /** The bytes to compare with the directory's hash. */
  readonly hash: Buffer;
}

/**
 * Makes and reads keys of the form `prefix-publicid-secret`. The last six characters are a checksum, taken from the
 * same HMAC as the hash that a directory holds: so a mistyped key, and with an `hmacKey` every made-up one, is told
 * from a real one without a look-up, at the cost of the HMAC that is needed anyway.
 */
export class KeyCodec {
  readonly #start: string;
  readonly #hmacKey: KeyObject;

  constructor({ prefix, hmacKey = 'sluice virtual key, version 1' }: KeyForm) {
    this.#start = `${prefix}-`;
    this.#hmacKey = createSecretKey(Buffer.from(hmacKey));
  }

  /** Makes a new key. `text` is the secret whole; nobody can get it back from `hash`. */
  make(): { readonly text: string; readonly id: string; readonly hash: string } {
    const id = randomText(ID_LENGTH);
    const body = `${this.#start}${id}-${randomText(SECRET_LENGTH)}`;
    const digest = this.#digest(body);
    return { text: body + checkOf(digest), id, hash: hashOf(digest).toString('base64url') };
  }

  /** Takes a key apart; undefined when it is none. Does the same work for what is no key as for a key. */
  read(text: string | undefined): ReadKey | undefined {
    const start = this.#start;
    const formed =
      text !== undefined &&
      text.length === start.length + REST_LENGTH &&
      text.startsWith(start) &&
      REST.test(text.slice(start.length));
    const known = formed ? text : start;
    const digest = this.#digest(formed ? known.slice(0, -CHECK_LENGTH) : known);
    if (!formed || !known.endsWith(checkOf(digest))) return undefined;
    return { id: known.slice(start.length, start.length + ID_LENGTH), hash: hashOf(digest) };
  }

  #digest(text: string): Buffer {
    return createHmac('sha256', this.#hmacKey).update(text).digest();
  }
}

function hashOf(digest: Buffer): Buffer {
  return digest.subarray(HASH_START, HASH_START + HASH_LENGTH);
}

function checkOf(digest: Buffer): string {
  let number = digest.readUIntBE(0, 6);
  let check = '';
  for (let i = 0; i < CHECK_LENGTH; i++) {
    check += ALPHABET[number % ALPHABET.length];
    number = Math.floor(number / ALPHABET.length);
  }
  return check;
}

/** Not from RANDOM, which is no source of secrets. */
function randomText(length: number): string {
  let text = '';
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      // 248 is 4 × 62: the eight values beyond would make the first letters likelier.
      if (byte < 248 && text.length < length) text += ALPHABET[byte % ALPHABET.length];
    }
  }
  return text;
}
