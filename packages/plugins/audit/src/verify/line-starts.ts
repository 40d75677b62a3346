import type { FileHandle } from 'node:fs/promises';
import type { LinesEnd } from './line-reader.ts';

/** Kept of each line. */
const START_BYTES = 128;
const READ_BYTES = 1 << 20;

/** Is shown the beginning of each line, where the line begins and where the next one does. Returns false to stop. */
export type LineStartVisitor = (start: Buffer, offset: number, next: number) => boolean | undefined;

/** Reads no more than the beginnings of lines, however long they are: of content, the rest is nobody's business. */
export async function readLineStarts(file: FileHandle, visit: LineStartVisitor): Promise<LinesEnd> {
  const block = Buffer.allocUnsafeSlow(READ_BYTES);
  const line = Buffer.allocUnsafeSlow(START_BYTES);
  let filled = 0;
  let offset = 0;
  for (let position = 0; ;) {
    const { bytesRead } = await file.read(block, 0, READ_BYTES, position);
    if (bytesRead === 0) return { offset, torn: position - offset };
    const bytes = block.subarray(0, bytesRead);
    for (let start = 0; start < bytesRead;) {
      const end = bytes.indexOf(LINE_FEED, start);
      filled += bytes.copy(line, filled, start, end < 0 ? bytesRead : end);
      if (end < 0) break;
      const next = position + end + 1;
      if (visit(line.subarray(0, filled), offset, next) === false) return { offset, torn: 0 };
      offset = next;
      filled = 0;
      start = end + 1;
    }
    position += bytesRead;
  }
}

const LINE_FEED = 10;
