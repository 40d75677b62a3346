import { once } from 'node:events';
import type { Transform } from 'node:stream';
import {
  constants,
  createBrotliCompress,
  createDeflate,
  createGzip,
  createZstdCompress,
  type Zlib,
} from 'node:zlib';

/** A content coding. */
export type Encoding = 'gzip' | 'deflate' | 'br' | 'zstd';

type Compressor = Transform & Zlib & { flush(done: () => void): void };

const COMPRESSORS: Readonly<Record<Encoding, () => Compressor>> = {
  gzip: () => createGzip() as Compressor,
  deflate: () => createDeflate() as Compressor,
  // The default quality takes seconds for a bomb and makes it no smaller.
  br: () =>
    createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }) as unknown as Compressor,
  zstd: () => createZstdCompress() as unknown as Compressor,
};

/** Compresses pieces one after another, flushing after each, so that each can be inflated as soon as it is there. */
export async function compressPieces(
  encoding: Encoding,
  pieces: readonly (string | Uint8Array)[],
): Promise<Buffer[]> {
  const compressor = COMPRESSORS[encoding]();
  const collected = collect(compressor);
  const compressed: Buffer[] = [];
  for (const piece of pieces) {
    compressor.write(piece);
    await new Promise<void>((done) => {
      compressor.flush(done);
    });
    compressed.push(collected.take());
  }
  compressor.end();
  await once(compressor, 'end');
  return [...compressed, collected.take()];
}

/** Compresses `head`, then `count` blanks, then `tail`, without ever holding the blanks in memory. */
export async function compressBomb(
  encoding: Encoding,
  head: Uint8Array,
  count: number,
  tail: string,
): Promise<Buffer> {
  const compressor = COMPRESSORS[encoding]();
  const collected = collect(compressor);
  const blanks = Buffer.alloc(2 ** 20, ' ');
  compressor.write(head);
  for (let left = count; left > 0; left -= blanks.length) {
    if (!compressor.write(blanks.subarray(0, Math.min(left, blanks.length)))) await once(compressor, 'drain');
  }
  compressor.end(tail);
  await once(compressor, 'end');
  return collected.take();
}

function collect(compressor: Compressor): { take: () => Buffer } {
  let chunks: Buffer[] = [];
  compressor.on('data', (chunk: Buffer) => chunks.push(chunk));
  return {
    take: () => {
      const taken = Buffer.concat(chunks);
      chunks = [];
      return taken;
    },
  };
}
