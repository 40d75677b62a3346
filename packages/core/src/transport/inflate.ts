import type { Transform } from 'node:stream';
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
  constants,
} from 'node:zlib';
import { PipelineError } from '../errors.ts';
import type { BodySource } from '../stream/body.ts';
import { Pending, readFrom, type Wake } from '../stream/pull.ts';

/** Layers of `content-encoding` that are undone; more is an attack. */
const MAX_LAYERS = 2;
/** Output beyond this may be at most {@link MAX_RATIO} times the input: real text compresses 3 to 20 times. */
const FREE_BYTES = 1 << 20;
const MAX_RATIO = 100;

const gunzip = (): Transform => createGunzip({ flush: constants.Z_SYNC_FLUSH });
const DECODERS: ReadonlyMap<string, () => Transform> = new Map([
  ['gzip', gunzip],
  ['x-gzip', gunzip],
  ['deflate', () => createInflate({ flush: constants.Z_SYNC_FLUSH })],
  ['br', () => createBrotliDecompress({ flush: constants.BROTLI_OPERATION_FLUSH })],
  ['zstd', () => createZstdDecompress()],
]);

/**
 * Undoes the `content-encoding` of an upstream that compressed although it was asked not to.
 *
 * @param maxBytes More plain bytes than that are an error.
 * @throws PipelineError `bad_answer` for an encoding that nobody knows.
 */
export function inflated(
  source: BodySource,
  contentEncoding: string,
  maxBytes: number = Infinity,
): BodySource {
  // A header that stands twice arrives as an array, whatever its type says.
  const layers = String(contentEncoding)
    .toLowerCase()
    .split(',')
    .map((layer) => layer.trim())
    .filter((layer) => layer !== '' && layer !== 'identity');
  if (layers.length > MAX_LAYERS) throw badEncoding(`${layers.length} layers of content-encoding`);
  let plain = source;
  for (const layer of layers.toReversed()) {
    const create = DECODERS.get(layer);
    if (create === undefined) throw badEncoding(`content-encoding "${layer}"`);
    plain = new InflatedSource(plain, create(), maxBytes);
  }
  return plain;
}

class InflatedSource implements BodySource {
  readonly #source: BodySource;
  readonly #decoder: Transform;
  readonly #output: Uint8Array[] = [];
  #bytesIn = 0;
  #bytesOut = 0;
  #failure: unknown;
  #sourceEnded = false;
  #ended = false;
  #pending: Pending<Uint8Array | null> | undefined;
  /** Settles the write or end that is under way. */
  #settle: (() => void) | undefined;

  constructor(source: BodySource, decoder: Transform, maxBytes: number) {
    this.#source = source;
    this.#decoder = decoder;
    decoder.on('data', (chunk: Buffer) => {
      this.#bytesOut += chunk.length;
      if (this.#bytesOut > FREE_BYTES && this.#bytesOut > this.#bytesIn * MAX_RATIO) {
        this.#fail(badEncoding('a compressed answer that grows without measure'));
      } else if (this.#bytesOut > maxBytes) {
        this.#fail(
          new PipelineError('answer_too_large', { cause: new Error(`more than ${maxBytes} bytes`) }),
        );
      } else {
        this.#output.push(chunk);
      }
    });
    decoder.on('end', () => {
      this.#ended = true;
      // What follows the compressed data is nobody's; left unread, it would block the connection for ever.
      if (!this.#sourceEnded) source.cancel(badEncoding('bytes behind its compressed answer'));
      this.#settle?.();
    });
    decoder.on('error', (error) => {
      this.#fail(badEncoding(error.message));
    });
  }

  pull(wake: Wake): Uint8Array | null | undefined {
    this.#pending ??= new Pending(this.#next());
    const chunk = this.#pending.pull(wake);
    if (chunk !== undefined) this.#pending = undefined;
    return chunk;
  }

  async #next(): Promise<Uint8Array | null> {
    for (;;) {
      const chunk = this.#output.shift();
      if (chunk !== undefined) return chunk;
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended || this.#sourceEnded) return null;
      const input = await readFrom(this.#source);
      if (input === null) this.#sourceEnded = true;
      else this.#bytesIn += input.length;
      await this.#feed(input);
    }
  }

  cancel(reason: unknown): void {
    this.#decoder.destroy();
    this.#settle?.();
    this.#source.cancel(reason);
  }

  #feed(input: Uint8Array | null): Promise<void> {
    return new Promise((resolve) => {
      this.#settle = resolve;
      if (input === null) this.#decoder.end();
      else this.#decoder.write(input, () => resolve());
    });
  }

  #fail(error: PipelineError): void {
    this.#failure ??= error;
    this.#output.length = 0;
    this.#decoder.destroy();
    this.#source.cancel(error);
    this.#settle?.();
  }
}

function badEncoding(what: string): PipelineError {
  return new PipelineError('bad_answer', { retryable: false, cause: new Error(`the upstream sent ${what}`) });
}
