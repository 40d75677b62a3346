import type { OptionSchema } from '@sluice/core';
import * as v from 'valibot';

/** What the keys of an installation have in common: the same for whoever issues and whoever checks them. */
export interface KeyFormOptions {
  /**
   * What stands before every key, for people and for scanners that look for leaked ones.
   *
   * @default "sk-sl"
   */
  readonly prefix?: string;
  /**
   * Keys the HMAC; at least 32 characters. With it, neither can who reads the directory try keys out, nor who writes
   * to it make one. Another `hmacKey` makes every key issued before unknown. Default: none, keys are merely hashed.
   */
  readonly hmacKey?: string;
}

/** The same, with defaults where none were given. */
export interface KeyForm {
  /** What stands before every key. */
  readonly prefix: string;
  /** As given. */
  readonly hmacKey?: string;
}

/** Options of `identity`. */
export interface IdentityOptions extends KeyFormOptions {
  /**
   * Whether a principal that the host application has set (`identify` of a mount) will do. No key is then needed, and
   * one that comes along is not looked at.
   *
   * @default false
   */
  readonly acceptHost?: boolean;
  /**
   * How long the directory may take, in milliseconds. Then the call is refused with 503.
   *
   * @default 2_000
   */
  readonly lookupTimeoutMs?: number;
}

/** The options, with defaults where none were given. */
export interface IdentitySettings extends KeyForm {
  readonly acceptHost: boolean;
  readonly lookupTimeoutMs: number;
}

const form = {
  prefix: v.exactOptional(
    v.pipe(
      v.string('must be text'),
      v.regex(/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/, 'must be small letters and digits, such as "sk-acme"'),
      v.maxLength(32, 'must have at most 32 characters'),
    ),
    'sk-sl',
  ),
  hmacKey: v.exactOptional(
    v.pipe(
      v.string('must be text'),
      // A short one could be found by trying, by anybody who has a key of their own.
      v.minLength(32, 'must have at least 32 characters; take 32 random bytes, in base64'),
    ),
  ),
};

/** Checks what keys have in common and fills in the defaults. */
export const keyForm: v.GenericSchema<KeyFormOptions, KeyForm> = v.strictObject(form);

/** Checks the options and fills in the defaults. */
export const options: OptionSchema<IdentitySettings> = v.strictObject({
  ...form,
  acceptHost: v.exactOptional(v.boolean('must be true or false'), false),
  lookupTimeoutMs: v.exactOptional(
    v.pipe(
      v.number('must be a number of milliseconds'),
      v.finite('must be finite'),
      v.minValue(1, 'must be at least 1'),
    ),
    2_000,
  ),
});
