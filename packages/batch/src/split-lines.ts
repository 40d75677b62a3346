const LINE_FEED = 10;

/** A line of a file, without what ends it. */
export interface Line {
  readonly bytes: Buffer;
  /** Counted from 1. */
  readonly number: number;
  /** False for what stands behind the last line feed. */
  readonly whole: boolean;
}

/**
 * Splits bytes into lines, which hold no more of the input than the line at hand and the chunk that it ends in.
 *
 * @throws RangeError When a line is too long.
 */
export async function* splitLines(
  chunks: Iterable<Uint8Array | string> | AsyncIterable<Uint8Array | string>,
  maxLineBytes: number,
): AsyncGenerator<Line, undefined> {
  let pieces: Buffer[] = [];
  let size = 0;
  let number = 1;
  const add = (piece: Buffer): void => {
    size += piece.length;
    if (size > maxLineBytes) throw new RangeError(`line ${number} is longer than ${maxLineBytes} bytes`);
    if (piece.length > 0) pieces.push(piece);
  };
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk as Uint8Array);
    let start = 0;
    for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, start)) {
      add(bytes.subarray(start, end));
      yield { bytes: Buffer.concat(pieces, size), number: number++, whole: true };
      pieces = [];
      size = 0;
      start = end + 1;
    }
    add(bytes.subarray(start));
  }
  if (size > 0) yield { bytes: Buffer.concat(pieces, size), number, whole: false };
  return undefined;
}
