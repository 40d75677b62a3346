import { type FileHandle, open } from 'node:fs/promises';
import { recover } from './recover.ts';
import type { BatchResult } from './result.ts';
import { resultLine } from './result-line.ts';

/** How a file of results is opened. */
export interface ResultsFileOptions {
  /**
   * Goes on with the file where there is one: results of items that succeeded are kept, those that failed are taken out
   * because they are tried again, and so is a torn last line. False: the file must not be there.
   *
   * @default true
   */
  readonly resume?: boolean;
}

/** Results as JSON lines, in a file that outlives the process at any moment. */
export interface ResultsFile extends AsyncDisposable {
  /** Ids of the items that had succeeded when the file was opened, for the option `completed`. */
  readonly completed: ReadonlySet<string>;
  /**
   * Adds a result; once resolved it survives the process. A canceled item is not written, as if it had not been read.
   *
   * @throws Error What the disk says. After that nothing more is written.
   */
  append(result: BatchResult): Promise<void>;
  /** Closes the file, flushed to the disk. May be repeated. */
  close(): Promise<void>;
}

/**
 * Opens a file for results. No two programs may have the same one open.
 *
 * @throws Error When it is there and must not be, or holds anything but results; then it is left as it is.
 */
export async function resultsFile(
  path: string,
  { resume = true }: ResultsFileOptions = {},
): Promise<ResultsFile> {
  const completed = resume ? await recover(path) : new Set<string>();
  const handle = await open(path, resume ? 'a' : 'ax', 0o600);
  return new AppendedFile(handle, completed);
}

class AppendedFile implements ResultsFile {
  readonly completed: ReadonlySet<string>;
  readonly #handle: FileHandle;
  #written: Promise<void> = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor(handle: FileHandle, completed: ReadonlySet<string>) {
    this.#handle = handle;
    this.completed = completed;
  }

  append(result: BatchResult): Promise<void> {
    if (result.result.type === 'canceled') return this.#written;
    const line = resultLine(result);
    // One after the other; after a failure none, as it would continue a torn line.
    this.#written = this.#written.then(() => this.#handle.appendFile(line));
    return this.#written;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    try {
      // Whoever appended has been told of a failure.
      await this.#written.catch(() => undefined);
      await this.#handle.datasync();
    } finally {
      await this.#handle.close();
    }
  }
}
