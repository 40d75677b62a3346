import { randomBytes } from 'node:crypto';
import { Hmac } from './hmac.ts';
import type { KeyForm } from './options.ts';

const ID_LENGTH = 12;
/** 43 × log₂ 62 = 256 bits. */
const SECRET_LENGTH = 43;
const CHECK_LENGTH = 6;
const REST_LENGTH = ID_LENGTH + 1 + SECRET_LENGTH + CHECK_LENGTH;
/** How much of the digest is kept of a key; what is before it becomes the check. */
const CHECK_BYTES = 6;
const HASH_START = 8;
/** How many bytes of a digest a directory holds. */
export const HASH_BYTES = 24;

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
  /** What to compare with the directory's hash, a character for each byte. */
  readonly hash: string;
}

/**
 * Makes and reads keys of the form `prefix-publicid-secret`. The last six characters are a checksum, taken from the
 * same HMAC as the hash that a directory holds: so a mistyped key, and with an `hmacKey` every made-up one, is told
 * from a real one without a look-up, at the cost of the HMAC that is needed anyway.
 */
export class KeyCodec {
  readonly #start: string;
  readonly #length: number;
  readonly #hmac: Hmac;
  /** Worked on in the place of what is no key. */
  readonly #dummy: string;

  constructor({ prefix, hmacKey = 'sluice virtual key, version 1' }: KeyForm) {
    this.#start = `${prefix}-`;
    this.#length = this.#start.length + REST_LENGTH;
    this.#hmac = new Hmac(hmacKey, this.#length - CHECK_LENGTH);
    this.#dummy = 'x'.repeat(this.#length);
  }

  /** Makes a new key. `text` is the secret whole; nobody can get it back from `hash`. */
  make(): { readonly text: string; readonly id: string; readonly hash: string } {
    const id = randomText(ID_LENGTH);
    const body = `${this.#start}${id}-${randomText(SECRET_LENGTH)}`;
    const digest = this.#hmac.digest(body);
    const hash = Buffer.from(hashOf(digest), 'latin1').toString('base64url');
    return { text: body + checkOf(digest), id, hash };
  }

  /** Takes a key apart; undefined when it is none. Does the same work whatever is wrong with it. */
  read(text: string | undefined): ReadKey | undefined {
    const given = text?.length === this.#length ? text : this.#dummy;
    const digest = this.#hmac.digest(given.slice(0, -CHECK_LENGTH));
    const start = this.#start.length;
    const hasStart = given.startsWith(this.#start);
    const hasForm = REST.test(given.slice(start));
    const hasCheck = given.endsWith(checkOf(digest));
    if (!hasStart || !hasForm || !hasCheck) return undefined;
    return { id: given.slice(start, start + ID_LENGTH), hash: hashOf(digest) };
  }
}

function hashOf(digest: string): string {
  return digest.slice(HASH_START, HASH_START + HASH_BYTES);
}

/** From the bytes of the digest that are not in the hash. */
function checkOf(digest: string): string {
  let number = 0;
  for (let i = 0; i < CHECK_BYTES; i++) number = number * 256 + digest.charCodeAt(i);
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
