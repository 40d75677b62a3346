import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress, zstdDecompressSync } from 'node:zlib';
import type { CacheEntry } from './store.ts';

/** How values are written; see {@link entryCodec}. */
export interface CodecOptions {
  /** Keys of 32 bytes for AES-256-GCM. The first encrypts, all of them decrypt. Default: none, and values are in clear. */
  readonly encryptionKeys?: readonly Uint8Array[];
  /** Larger answers are neither written nor read. */
  readonly maxBodyBytes: number;
}

/** Turns entries into bytes and back. */
export interface EntryCodec {
  /** The value to store. */
  encode(entry: CacheEntry): Promise<Buffer>;
  /** The entry; undefined for anything that is not exactly what `encode` has written under this key. */
  decode(key: string, value: Uint8Array): CacheEntry | undefined | Promise<CacheEntry | undefined>;
}

/** Which layout follows. Unknown ones are misses, so that two releases may share a server. */
const MAGIC = Buffer.from('SLC1');
const PLAIN = 0;
const ZSTD = 1;
const ENCRYPTED = 2;
const CHECK_BYTES = 16;
const KEY_ID_BYTES = 4;
const IV_BYTES = 12;
/** Shorter bodies gain less than the decompression costs. */
const COMPRESS_BYTES = 1_024;
/** Longer ones are decompressed on another thread: they would hold up everybody else for more than 0.1 ms. */
const SYNC_BYTES = 64 << 10;

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** What stands before the body. */
interface Head {
  readonly storedAt: number;
  readonly ttlMs: number;
  readonly contentType: string;
  /** Length of the body once it is decompressed. */
  readonly length: number;
}

/**
 * The form of values outside this process: versioned, compressed from 1 KiB on (zstd: as small as gzip and two to six
 * times as fast on event streams), with a checksum over everything and the key, or encrypted.
 */
export function entryCodec({ encryptionKeys = [], maxBodyBytes }: CodecOptions): EntryCodec {
  for (const key of encryptionKeys) {
    if (key.length !== 32) throw new TypeError('each of "encryptionKeys" must have 32 bytes.');
  }
  const keys = encryptionKeys.map((key) => ({
    key,
    id: hash('sha256', key, 'buffer').subarray(0, KEY_ID_BYTES),
  }));
  const [current] = keys;

  return {
    async encode(entry) {
      const { storedAt, ttlMs, contentType, body } = entry;
      const head: Head = { storedAt, ttlMs, contentType, length: body.length };
      const headBytes = Buffer.from(JSON.stringify(head));
      const small = body.length < COMPRESS_BYTES ? undefined : await compress(body);
      const stored = small !== undefined && small.length < body.length ? small : body;
      const flags = (stored === small ? ZSTD : PLAIN) | (current === undefined ? PLAIN : ENCRYPTED);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(headBytes.length);
      const prefix = Buffer.concat([MAGIC, Buffer.of(flags)]);
      const payload = Buffer.concat([length, headBytes, stored]);
      if (current === undefined)
        return Buffer.concat([prefix, checksum(prefix, entry.key, payload), payload]);
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv('aes-256-gcm', current.key, iv).setAAD(aad(prefix, entry.key));
      const sealed = Buffer.concat([cipher.update(payload), cipher.final()]);
      return Buffer.concat([prefix, current.id, iv, cipher.getAuthTag(), sealed]);
    },

    decode(key, value) {
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      const flags = bytes[MAGIC.length];
      if (!bytes.subarray(0, MAGIC.length).equals(MAGIC) || flags === undefined || flags > 3)
        return undefined;
      // A server that is asked for encryption must not be given clear text by somebody who can write to the store.
      if ((flags & ENCRYPTED) === 0 && current !== undefined) return undefined;
      const prefix = bytes.subarray(0, MAGIC.length + 1);
      const rest = bytes.subarray(prefix.length);
      const payload = (flags & ENCRYPTED) === 0 ? verified(prefix, key, rest) : opened(prefix, key, rest);
      return payload === undefined ? undefined : parsed(key, flags, payload);
    },
  };

  function verified(prefix: Buffer, key: string, rest: Buffer): Buffer | undefined {
    const payload = rest.subarray(CHECK_BYTES);
    return rest.subarray(0, CHECK_BYTES).equals(checksum(prefix, key, payload)) ? payload : undefined;
  }

  function opened(prefix: Buffer, key: string, rest: Buffer): Buffer | undefined {
    const id = rest.subarray(0, KEY_ID_BYTES);
    const known = keys.find((one) => one.id.equals(id));
    const iv = rest.subarray(KEY_ID_BYTES, KEY_ID_BYTES + IV_BYTES);
    const tag = rest.subarray(KEY_ID_BYTES + IV_BYTES, KEY_ID_BYTES + IV_BYTES + 16);
    if (known === undefined || tag.length < 16) return undefined;
    const decipher = createDecipheriv('aes-256-gcm', known.key, iv).setAAD(aad(prefix, key)).setAuthTag(tag);
    const sealed = rest.subarray(KEY_ID_BYTES + IV_BYTES + 16);
    try {
      return Buffer.concat([decipher.update(sealed), decipher.final()]);
    } catch {
      return undefined;
    }
  }

  function parsed(
    key: string,
    flags: number,
    payload: Buffer,
  ): CacheEntry | undefined | Promise<CacheEntry | undefined> {
    const head = readHead(payload);
    if (head === undefined || head.length > maxBodyBytes) return undefined;
    const stored = payload.subarray(4 + payload.readUInt32BE());
    const entry = (body: Uint8Array): CacheEntry | undefined =>
      body.length === head.length
        ? { key, storedAt: head.storedAt, ttlMs: head.ttlMs, contentType: head.contentType, body }
        : undefined;
    if ((flags & ZSTD) === 0) return entry(stored);
    // Never more than was said, whatever a forged value expands to.
    const options = { maxOutputLength: Math.max(1, head.length) };
    if (head.length > SYNC_BYTES) return decompress(stored, options).then(entry, () => undefined);
    try {
      return entry(zstdDecompressSync(stored, options));
    } catch {
      return undefined;
    }
  }
}

/** Bound to the key: a value moved under another one does not fit there. */
function checksum(prefix: Buffer, key: string, payload: Buffer): Buffer {
  const whole = Buffer.concat([aad(prefix, key), payload]);
  return hash('sha256', whole, 'buffer').subarray(0, CHECK_BYTES);
}

function aad(prefix: Buffer, key: string): Buffer {
  return Buffer.concat([prefix, Buffer.from(`${key.length}:${key}`)]);
}

function readHead(payload: Buffer): Head | undefined {
  if (payload.length < 4) return undefined;
  try {
    const head = JSON.parse(payload.toString('utf8', 4, 4 + payload.readUInt32BE())) as Partial<Head>;
    const { storedAt, ttlMs, contentType, length } = head;
    const sound =
      typeof storedAt === 'number' &&
      typeof ttlMs === 'number' &&
      typeof contentType === 'string' &&
      Number.isInteger(length);
    return sound ? (head as Head) : undefined;
  } catch {
    return undefined;
  }
}
