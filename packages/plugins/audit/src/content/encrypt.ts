import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** With what content is encrypted at rest. */
export interface ContentKey {
  /** Names the key in each line, so that it can be changed; not a secret. */
  readonly id: string;
  /** 32 bytes, for AES-256-GCM. */
  readonly key: Uint8Array;
}

/** Encrypted content, as it stands beside the chain. */
export interface Sealed {
  /** Names the key. */
  readonly key: string;
  /** Nonce, tag and ciphertext, base64. */
  readonly sealed: string;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Encrypts; `context` has to be the same when it is opened: content cannot be moved to another call. */
export function sealContent(text: string, { id, key }: ContentKey, context: string): Sealed {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context));
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return { key: id, sealed: Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64') };
}

/** Opens what {@link sealContent} made. Throws when the key, the context or a byte is another. */
export function openContent({ sealed }: Sealed, { key }: ContentKey, context: string): string {
  const bytes = Buffer.from(sealed, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES))
    .setAAD(Buffer.from(context))
    .setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  const body = bytes.subarray(NONCE_BYTES + TAG_BYTES);
  return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
}
