import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { listSegments } from '../files/names.ts';
import type { Terminal } from './cli.ts';

const BAR = 24;

/** Shows how far something long has come, to somebody who is looking. */
export class ProgressLine {
  readonly #terminal: Terminal;
  readonly #total: number;
  #shown = false;

  constructor(terminal: Terminal, total: number) {
    this.#terminal = terminal;
    this.#total = total;
  }

  /** For the bytes of a log. */
  static async ofLog(terminal: Terminal, directory: string, log: string): Promise<ProgressLine> {
    const files = await listSegments(directory, log);
    const sizes = await Promise.all(files.map(async ({ file }) => (await stat(join(directory, file))).size));
    return new ProgressLine(
      terminal,
      sizes.reduce((sum, size) => sum + size, 0),
    );
  }

  /** Bytes or steps done. */
  readonly show = (done: number): void => {
    if (!this.#terminal.watched || this.#total === 0) return;
    this.#shown = true;
    const share = Math.min(1, done / this.#total);
    const full = Math.round(share * BAR);
    this.#terminal.err(
      `\r${'█'.repeat(full)}${'░'.repeat(BAR - full)} ${String(Math.round(share * 100)).padStart(3)} %`,
    );
  };

  /** Takes the line away. */
  end(): void {
    if (this.#shown) this.#terminal.err(`\r${' '.repeat(BAR + 6)}\r`);
  }
}
