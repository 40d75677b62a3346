import { createHash, type Hash, hash } from 'node:crypto';
import { type Format, isEventStream, observeStream, type SseEvent, type StreamObserver } from '@sluice/core';
import type { ContentMode } from './policy.ts';

/** Small parts are hashed together, as many bytes at a time: for the hash of fifty events, one call instead of fifty. */
const TOGETHER_BYTES = 8 * 1024;
/** Buffers that wait for the next stream. */
const MAX_SPARE = 64;
const spare: Buffer[] = [];

/** Watches an answer as it passes: a digest of its bytes, and nothing is kept. */
export class AnswerDigest implements StreamObserver {
  bytes = 0;
  #hash: Hash | undefined;
  #digest: string | undefined;
  #together: Buffer | undefined;
  #filled = 0;

  /** How long the whole answer is, when it says so. */
  readonly #length: number;

  constructor(length: number) {
    this.#length = length;
  }

  chunk(bytes: Uint8Array): void {
    const { length } = bytes;
    this.bytes += length;
    // An answer in one piece needs no hash object, which is the dearest part: one more thing to be collected.
    if (length === this.#length) {
      this.#digest = hash('sha256', bytes, 'base64url');
      return;
    }
    if (this.#filled + length > TOGETHER_BYTES) this.#flush();
    if (length > TOGETHER_BYTES) {
      this.#object.update(bytes);
      return;
    }
    this.#together ??= spare.pop() ?? Buffer.allocUnsafeSlow(TOGETHER_BYTES);
    this.#together.set(bytes, this.#filled);
    this.#filled += length;
  }

  /** SHA-256 of everything that has passed, base64url. */
  get digest(): string {
    this.#digest ??= this.#end();
    return this.#digest;
  }

  #end(): string {
    const rest = this.#together?.subarray(0, this.#filled) ?? NONE;
    const digest =
      this.#hash === undefined
        ? hash('sha256', rest, 'base64url')
        : this.#hash.update(rest).digest('base64url');
    if (this.#together !== undefined && spare.length < MAX_SPARE) spare.push(this.#together);
    this.#together = undefined;
    return digest;
  }

  #flush(): void {
    if (this.#filled === 0) return;
    this.#object.update((this.#together as Buffer).subarray(0, this.#filled));
    this.#filled = 0;
  }

  get #object(): Hash {
    this.#hash ??= createHash('sha256');
    return this.#hash;
  }
}

const NONE = new Uint8Array();

/** One text of a streamed answer. */
interface Text {
  readonly channel: string;
  readonly key: string;
  length: number;
  readonly hash: Hash;
  readonly parts: string[];
}

/** What a captured answer was. */
export interface Captured {
  /** A whole body, if it was one. */
  readonly body?: string;
  /** The texts of a stream, each in one piece. */
  readonly texts?: readonly {
    readonly channel: string;
    readonly key: string;
    readonly length: number;
    readonly text: string;
    readonly hash: string;
  }[];
  /** Whether there was more than is kept. */
  readonly truncated: boolean;
}

/** Texts of one stream; more of them are not told apart. */
const MAX_TEXTS = 256;

/** Keeps an answer, up to a bound. Of a stream only its texts; with `redacted`, only their lengths and hashes. */
export class AnswerCapture implements StreamObserver {
  readonly #digest: AnswerDigest;
  readonly #salt: string;
  readonly #format: Format | undefined;
  readonly #keepsText: boolean;
  readonly #maxBytes: number;
  readonly #texts = new Map<string, Text>();
  readonly #chunks: Uint8Array[] = [];
  readonly #streamed: boolean;
  #kept = 0;
  #truncated = false;

  constructor(
    digest: AnswerDigest,
    salt: string,
    response: Response,
    options: { readonly format: Format | undefined; readonly mode: ContentMode; readonly maxBytes: number },
  ) {
    this.#digest = digest;
    this.#salt = salt;
    this.#format = options.format;
    this.#keepsText = options.mode === 'full';
    this.#maxBytes = options.maxBytes;
    this.#streamed = isEventStream(response);
  }

  chunk(bytes: Uint8Array): void {
    this.#digest.chunk(bytes);
    if (this.#streamed) return;
    const room = this.#maxBytes - this.#kept;
    if (bytes.length > room) this.#truncated = true;
    if (room <= 0) return;
    const kept = bytes.slice(0, room);
    this.#kept += kept.length;
    this.#chunks.push(kept);
  }

  event(event: SseEvent): void {
    this.#format?.mapEvent(event, (part) => {
      this.#add(part.channel, part.key, part.text);
      return part.text;
    });
  }

  get captured(): Captured {
    const truncated = this.#truncated;
    if (!this.#streamed) return { body: Buffer.concat(this.#chunks).toString('utf8'), truncated };
    const texts = [...this.#texts.values()].map(({ channel, key, length, hash, parts }) => ({
      channel,
      key,
      length,
      text: parts.join(''),
      hash: hash.copy().digest('hex').slice(0, 16),
    }));
    return { texts, truncated };
  }

  #add(channel: string, key: string, text: string): void {
    const name = `${channel} ${key}`;
    let known = this.#texts.get(name);
    if (known === undefined) {
      if (this.#texts.size >= MAX_TEXTS) {
        this.#truncated = true;
        return;
      }
      known = { channel, key, length: 0, hash: createHash('sha256').update(this.#salt), parts: [] };
      this.#texts.set(name, known);
    }
    known.length += text.length;
    known.hash.update(text);
    if (!this.#keepsText) return;
    const room = this.#maxBytes - this.#kept;
    if (text.length > room) this.#truncated = true;
    if (room <= 0) return;
    known.parts.push(text.slice(0, room));
    this.#kept += Math.min(text.length, room);
  }
}

/** Has an answer watched. */
export function watch(response: Response, observer: StreamObserver): Response {
  return observeStream(response, observer);
}
