import type { FileHandle } from 'node:fs/promises';
import { PREFIX_BYTES } from '../chain/chain.ts';

/** Read at once; large reads are what makes it fast. */
const READ_BYTES = 1 << 20;
/** No record is longer: a file without line feeds must not fill memory. */
const MAX_LINE_BYTES = 64 << 20;

/**
 * Is shown each line: where it is in the buffer (without its line feed) and in the file. The bytes before `start` may be
 * overwritten. Returns false to stop.
 */
export type LineVisitor = (buffer: Buffer, start: number, end: number, offset: number) => boolean | undefined;

/** How reading ended. */
export interface LinesEnd {
  /** Where the first line begins that was not shown. */
  readonly offset: number;
  /** Bytes behind the last line feed; 0 when reading was stopped. */
  readonly torn: number;
}

/** Reads a file line by line, in one pass and bounded memory. */
export async function readLines(file: FileHandle, from: number, visit: LineVisitor): Promise<LinesEnd> {
  // Room in front, for what is hashed before a line.
  let buffer: Buffer = Buffer.allocUnsafeSlow(PREFIX_BYTES + READ_BYTES);
  let filled = PREFIX_BYTES;
  let offset = from;
  for (let position = from; ;) {
    if (filled === buffer.length) {
      if (buffer.length > MAX_LINE_BYTES) throw new Error(`a line is longer than ${MAX_LINE_BYTES} bytes`);
      buffer = Buffer.concat([buffer], buffer.length * 2);
    }
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, position);
    if (bytesRead === 0) return { offset, torn: filled - PREFIX_BYTES };
    position += bytesRead;
    filled += bytesRead;
    let start = PREFIX_BYTES;
    for (;;) {
      const end = buffer.indexOf(LINE_FEED, start);
      if (end < 0 || end >= filled) break;
      if (visit(buffer, start, end, offset) === false) return { offset, torn: 0 };
      offset += end + 1 - start;
      start = end + 1;
    }
    buffer.copy(buffer, PREFIX_BYTES, start, filled);
    filled -= start - PREFIX_BYTES;
  }
}

const LINE_FEED = 10;
