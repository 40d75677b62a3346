import { isSignedBy, readNote, type Verifier } from '../chain/note.ts';
import type { Tree } from '../chain/tree.ts';
import type { Findings } from './report.ts';

interface Expected {
  readonly size: number;
  readonly root: string;
  readonly name: string;
}

/** Published checkpoints: what the log said to somebody else, and cannot take back. */
export class Published {
  agreed = 0;
  readonly #expected: Expected[] = [];
  readonly #findings: Findings;
  #next = 0;

  constructor(notes: readonly string[], verifiers: readonly Verifier[], findings: Findings) {
    this.#findings = findings;
    for (const [index, text] of notes.entries()) {
      const note = readNote(text);
      const name = `published checkpoint ${index + 1}`;
      if (note === undefined) findings.problem(name, 0, 'this is no checkpoint');
      else if (verifiers.length > 0 && !isSignedBy(text, verifiers))
        findings.problem(name, 0, 'it is not signed by a given key');
      else this.#expected.push({ size: note.size, root: note.root, name });
    }
    this.#expected.sort((a, b) => a.size - b.size);
  }

  /** Compares those that cover exactly the records so far; without a tree, none can agree. */
  at(size: number, tree: Tree | undefined): void {
    for (let one = this.#expected[this.#next]; one !== undefined; one = this.#expected[this.#next]) {
      if (one.size > size) return;
      this.#next++;
      if (one.size < size) continue;
      if (tree !== undefined && tree.root() === one.root) this.agreed++;
      else
        this.#findings.problem(
          one.name,
          0,
          `the log's first ${one.size} records are not those it was made over`,
        );
    }
  }

  /** The log is read: what is left covers more than there is. */
  finish(size: number, tree: Tree | undefined, first: number): void {
    this.at(size, tree);
    for (const one of this.#expected.slice(this.#next)) {
      this.#findings.problem(
        one.name,
        0,
        `it covers ${one.size} records, and the log has ${size}: the end is missing`,
      );
    }
    const early = this.#expected.filter((one) => one.size < first).length;
    if (early > 0)
      this.#findings.notice(`${early} published checkpoints cover only records that were retired`);
  }
}
