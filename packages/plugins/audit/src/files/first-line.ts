import { open } from 'node:fs/promises';
import { readLines } from '../verify/line-reader.ts';

/** The first line of a file; undefined when there is no whole one. */
export async function firstLine(path: string): Promise<string | undefined> {
  const handle = await open(path, 'r');
  try {
    let line: string | undefined;
    await readLines(handle, 0, (buffer, start, end) => {
      line = buffer.toString('utf8', start, end);
      return false;
    });
    return line;
  } finally {
    await handle.close();
  }
}
