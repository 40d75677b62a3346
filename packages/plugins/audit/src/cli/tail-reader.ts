import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { SEAL_BYTES } from '../chain/chain.ts';
import { listSegments } from '../files/names.ts';
import type { ReadRecord } from '../retention/segments.ts';
import { readLines } from '../verify/line-reader.ts';

/** Reads what has been added to a log since the last time. */
export class TailReader {
  readonly #directory: string;
  readonly #log: string;
  #next: number;
  #file: string;
  #offset = 0;

  /** @param from Sequence number of the first record to be told of, and the file of the one before; none when empty. */
  constructor(directory: string, log: string, from: { readonly next: number; readonly file: string }) {
    this.#directory = directory;
    this.#log = log;
    this.#next = from.next;
    this.#file = from.file;
  }

  /** Tells of each new record once. */
  async read(visit: (record: ReadRecord, line: string) => void): Promise<void> {
    const files = (await listSegments(this.#directory, this.#log)).map(({ file }) => file);
    for (const file of files.slice(Math.max(0, files.indexOf(this.#file)))) {
      if (file !== this.#file) this.#offset = 0;
      this.#file = file;
      const handle = await open(join(this.#directory, file), 'r');
      try {
        const { offset } = await readLines(handle, this.#offset, (buffer, start, end) => {
          const line = buffer.toString('utf8', start, end);
          if (!line.startsWith('{"seq":')) return undefined;
          const record = JSON.parse(`${line.slice(0, -SEAL_BYTES)}}`) as ReadRecord;
          if (record.seq < this.#next) return undefined;
          this.#next = record.seq + 1;
          visit(record, line);
          return undefined;
        });
        this.#offset = offset;
      } finally {
        await handle.close();
      }
    }
  }
}
