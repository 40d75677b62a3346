import fc from 'fast-check';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { PipelineError } from '../errors.ts';
import { type BodySource, readAll } from '../stream/body.ts';
import { inflated } from './inflate.ts';
import { readFrom } from '../stream/pull.ts';

const coders: Readonly<Record<string, (bytes: Uint8Array) => Buffer>> = {
  gzip: gzipSync,
  'x-gzip': gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
};
const names = Object.keys(coders);
const encode = (name: string, bytes: Uint8Array): Buffer =>
  (coders[name] as (bytes: Uint8Array) => Buffer)(bytes);

class Chunks implements BodySource {
  reads = 0;
  cancelled: unknown;
  readonly #chunks: Uint8Array[];

  constructor(...chunks: readonly Uint8Array[]) {
    this.#chunks = [...chunks];
  }

  pull(): Uint8Array | null {
    this.reads++;
    if (this.cancelled !== undefined) throw this.cancelled;
    return this.#chunks.shift() ?? null;
  }

  cancel(reason: unknown): void {
    this.cancelled ??= reason;
  }
}

const collect = (source: BodySource): Promise<Buffer> =>
  readAll(source, Infinity, () => new Error('too large'));
const failure = (source: BodySource): Promise<PipelineError> =>
  collect(source).then(
    () => expect.unreachable(),
    (error: unknown) => error as PipelineError,
  );
const text = Buffer.from('data: {"text":"Hello, world"}\n\n'.repeat(50));

describe.each(names)('%s', (name) => {
  it('is undone, however the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 3_000 }),
        fc.array(fc.nat(3_000), { maxLength: 10 }),
        async (plain, cuts) => {
          const bytes = encode(name, plain);
          const points = [...new Set([0, ...cuts.map((cut) => cut % bytes.length), bytes.length])].toSorted(
            (a, b) => a - b,
          );
          const chunks = points.slice(1).map((point, i) => bytes.subarray(points[i], point));
          expect(await collect(inflated(new Chunks(...chunks), name))).toEqual(Buffer.from(plain));
        },
      ),
      { numRuns: 25 },
    );
  });

  // The zlib of Node 22 does not tell: there only the format's own end does.
  const untold = name === 'zstd' && process.version.startsWith('v22.');
  it.skipIf(untold)('that is cut short never ends properly', async () => {
    const bytes = encode(name, text);
    for (const length of [1, Math.floor(bytes.length / 2), bytes.length - 1]) {
      const error = await failure(inflated(new Chunks(bytes.subarray(0, length)), name));
      expect(error).toMatchObject({ code: 'bad_answer', retryable: false });
    }
    expect(await failure(inflated(new Chunks(), name)).catch(() => 'ended')).toMatchObject({
      code: 'bad_answer',
    });
  });

  it('that is corrupt ends as bad_answer, and the upstream is cancelled', async () => {
    const bytes = Buffer.from(encode(name, text));
    bytes.fill(0xff, 4, 16);
    const chunks = new Chunks(bytes, bytes);
    expect(await failure(inflated(chunks, name))).toMatchObject({ code: 'bad_answer', retryable: false });
    expect(chunks.cancelled).toMatchObject({ code: 'bad_answer' });
  });

  it('that grows without measure is stopped early', async () => {
    const bomb = encode(name, Buffer.alloc(8 << 20));
    const pieces: Uint8Array[] = [];
    for (let i = 0; i < bomb.length; i += 1024) pieces.push(bomb.subarray(i, i + 1024));
    const chunks = new Chunks(...pieces);
    let length = 0;
    const source = inflated(chunks, name);
    const error = await (async () => {
      for (;;) length += ((await readFrom(source)) as Uint8Array).length;
    })().catch((thrown: unknown) => thrown as PipelineError);
    expect(error).toMatchObject({ code: 'bad_answer' });
    expect(length).toBeLessThan(3 << 20);
  });

  it('may be given up at any time', async () => {
    const bytes = encode(name, text);
    for (const when of ['before', 'while reading', 'after']) {
      const chunks = new Chunks(bytes.subarray(0, 20), bytes.subarray(20));
      const source = inflated(chunks, name);
      const reading =
        when === 'before' ? undefined : Promise.resolve(readFrom(source)).catch(() => undefined);
      if (when === 'after') await reading;
      source.cancel(new Error('left'));
      expect(chunks.cancelled).toMatchObject({ message: 'left' });
      await reading;
      await nextTurn();
    }
  });
});

it('hands out what a flushed chunk holds before the next one comes', async () => {
  const { createGzip, createBrotliCompress, createZstdCompress, constants } = await import('node:zlib');
  for (const [name, coder, flush] of [
    ['gzip', createGzip(), constants.Z_SYNC_FLUSH],
    ['br', createBrotliCompress(), constants.BROTLI_OPERATION_FLUSH],
    ['zstd', createZstdCompress(), constants.ZSTD_e_flush],
  ] as const) {
    const written: Buffer[] = [];
    coder.on('data', (chunk: Buffer) => written.push(chunk));
    coder.write('data: one\n\n');
    await new Promise<void>((resolve) => coder.flush(flush, resolve));
    const first = Buffer.concat(written);
    let reads = 0;
    const source = inflated(
      { pull: () => (reads++ === 0 ? first : undefined), cancel: () => undefined },
      name,
    );
    expect(String(await readFrom(source))).toBe('data: one\n\n');
    coder.destroy();
  }
});

it('undoes two layers from the outside in, and leaves identity alone', async () => {
  const bytes = encode('br', encode('gzip', text));
  expect(await collect(inflated(new Chunks(bytes), 'gzip, br'))).toEqual(text);
  expect(await collect(inflated(new Chunks(encode('gzip', text)), ' GZIP , identity,'))).toEqual(text);
  expect(await collect(inflated(new Chunks(text), 'identity'))).toEqual(text);
  expect(await collect(inflated(new Chunks(text), ''))).toEqual(text);
});

it('refuses more layers, and codings that nobody knows', () => {
  for (const encoding of [
    'gzip, gzip, gzip',
    'compress',
    'gzip;q=1',
    'aes128gcm',
    'constructor',
    '__proto__',
  ]) {
    expect(() => inflated(new Chunks(), encoding), encoding).toThrow(
      expect.objectContaining({ code: 'bad_answer', retryable: false }),
    );
  }
});

it('understands a header that stands twice, which arrives as an array', async () => {
  const bytes = encode('br', encode('gzip', text));
  expect(await collect(inflated(new Chunks(bytes), ['gzip', 'br'] as unknown as string))).toEqual(text);
});

it('takes padding behind the end of gzip, and further members, and leaves no upstream hanging', async () => {
  const padded = Buffer.concat([encode('gzip', text), Buffer.alloc(100)]);
  const chunks = new Chunks(padded, padded);
  expect(await collect(inflated(chunks, 'gzip'))).toEqual(text);
  expect(chunks.cancelled).toMatchObject({ code: 'bad_answer' });
  const twice = Buffer.concat([encode('gzip', text), encode('gzip', text)]);
  expect(await collect(inflated(new Chunks(twice), 'gzip'))).toEqual(Buffer.concat([text, text]));
  const garbage = Buffer.concat([encode('gzip', text), Buffer.from('garbage')]);
  expect(await failure(inflated(new Chunks(garbage), 'gzip'))).toMatchObject({ code: 'bad_answer' });
});
