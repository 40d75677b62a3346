import { type Clock, watchFile } from '@sluice/core';
import { readFile } from 'node:fs/promises';
import { Secret } from './secret.ts';

/** What a source gives. */
export type LoadedSecret = string | Secret | ExpiringSecret;

/** A secret that is not valid for ever. */
export interface ExpiringSecret {
  /** The key, as the provider issued it. */
  readonly secret: string | Secret;
  /** When it ends, in milliseconds since the Unix epoch. A new one is fetched in time before. Default: never. */
  readonly expiresAt?: number;
}

/** Where one upstream key comes from. `{ id, load }` is one: a vault, a KMS, a token exchange. */
export interface CredentialSource {
  /** What the key is called in logs and in `list()`. Unique in its pool; stays the same when the key is rotated. */
  readonly id: string;
  /** Gives the key as it is now. Called at the start, before the key expires, and once after the upstream refused it. */
  load(signal: AbortSignal): LoadedSecret | Promise<LoadedSecret>;
  /** Tells when `load` would give another key. Returns how to stop. Default: nothing tells. */
  watch?(changed: () => void, clock: Clock): () => void;
}

/** A key in an environment variable. */
export function envKey(variable: string, { id = variable }: { readonly id?: string } = {}): CredentialSource {
  return {
    id,
    load: () => {
      const text = process.env[variable] ?? '';
      if (text.trim() === '') throw new Error(`the environment variable ${variable} is not set`);
      return text;
    },
  };
}

/** A key in a file, such as a mounted secret. The file is watched: what is written into it counts within a second. */
export function fileKey(path: string, { id = path }: { readonly id?: string } = {}): CredentialSource {
  return {
    id,
    load: (signal) => readFile(path, { encoding: 'utf8', signal }),
    watch: (changed, clock) => watchFile(path, clock, changed),
  };
}

/** A secret as it can be sent, and until when. */
export interface Loaded {
  readonly secret: Secret;
  readonly expiresAt: number;
}

/**
 * Loads a source.
 *
 * @throws Error That names the source, and holds nothing of what it gave.
 */
export async function load(source: CredentialSource, signal: AbortSignal): Promise<Loaded> {
  const given = await source.load(signal);
  const { secret, expiresAt = Infinity } = hasSecret(given) ? given : { secret: given };
  const text = (secret instanceof Secret ? secret.reveal() : String(secret)).trim();
  if (!SENDABLE.test(text)) {
    throw new Error(
      `the source "${source.id}" gave ${text === '' ? 'nothing' : 'no text that a header can carry'}`,
    );
  }
  // Not a number whatever its type says: what it is computed from may have been missing.
  if (typeof expiresAt !== 'number' || Number.isNaN(expiresAt)) {
    throw new Error(
      `the source "${source.id}" gave no time in expiresAt; it takes milliseconds since the Unix epoch`,
    );
  }
  return { secret: new Secret(text), expiresAt };
}

function hasSecret(given: LoadedSecret): given is ExpiringSecret {
  return typeof given === 'object' && !(given instanceof Secret);
}

/** Visible ASCII: a line break would begin another header. */
const SENDABLE = /^[\u0021-\u007e]{1,8192}$/;
