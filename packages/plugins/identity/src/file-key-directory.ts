import { type Clock, watchFile } from '@sluice/core';
import type { KeyDirectory } from './key-directory.ts';
import { readKeyFile } from './key-file.ts';
import type { VirtualKey } from './virtual-key.ts';

/**
 * Keys in a file, a JSON object on each line, as `sluice-keys` writes it. It is watched: a change counts as soon as the
 * operating system tells of it, and after a second at the latest. A file that cannot be read, or has a bad line, or has
 * lost all its keys, changes nothing; a process warning tells of it. At the start it keeps the pipeline from starting.
 */
export function fileKeyDirectory(path: string, { clock }: { readonly clock: Clock }): KeyDirectory {
  return new FileKeyDirectory(path, clock);
}

class FileKeyDirectory implements KeyDirectory {
  readonly #path: string;
  readonly #clock: Clock;
  #keys: ReadonlyMap<string, VirtualKey> = new Map();
  #stopWatching: (() => void) | undefined;
  #reading = false;
  #readAgain = false;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  async start(): Promise<void> {
    this.#stopWatching = watchFile(this.#path, this.#clock, () => {
      void this.#reload();
    });
    try {
      this.#keys = await readKeyFile(this.#path);
    } catch (error) {
      this.close();
      throw new Error(`the key file ${this.#path} cannot be used: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  find(id: string): VirtualKey | undefined {
    return this.#keys.get(id);
  }

  close(): void {
    this.#stopWatching?.();
  }

  async #reload(): Promise<void> {
    if (this.#reading) {
      this.#readAgain = true;
      return;
    }
    this.#reading = true;
    do {
      this.#readAgain = false;
      await this.#read();
    } while (this.#readAgain);
    this.#reading = false;
  }

  async #read(): Promise<void> {
    try {
      const keys = await readKeyFile(this.#path);
      // Keys are revoked, not deleted: an empty file is one that somebody has just begun to write.
      if (keys.size === 0 && this.#keys.size > 0) throw new Error('it has no keys any more');
      this.#keys = keys;
    } catch (error) {
      process.emitWarning(
        `the key file ${this.#path} cannot be used, and the keys stay as they were: ${(error as Error).message}`,
        'SluiceWarning',
      );
    }
  }
}
