import { DIGEST_BYTES } from '../chain/chain.ts';
import type { Digest } from '../chain/tree.ts';

/** The lines beside one segment, in the order of their records. Flat: an object for each would cost more than its hash. */
export class BesideLines {
  /** What records have to say of them, one after the other. */
  digests: Buffer = Buffer.allocUnsafeSlow(DIGEST_BYTES * 1024);
  readonly #seqs: number[] = [];
  readonly #offsets: number[] = [];
  readonly #taken: boolean[] = [];
  /** Where the next record's line should be. */
  #next = 0;

  /** Adds a line; its record comes after those of the lines before. */
  add(seq: number, digest: Digest, offset: number): void {
    const at = this.#seqs.length * DIGEST_BYTES;
    if (at === this.digests.length) this.digests = Buffer.concat([this.digests], at * 2);
    this.digests.write(digest, at, 'binary');
    this.#seqs.push(seq);
    this.#offsets.push(offset);
    this.#taken.push(false);
  }

  /** Takes the line of a record. Returns where it is among the lines, -1 when there is none. */
  take(seq: number): number {
    const line = this.#seqs[this.#next] === seq ? this.#next : this.#find(seq);
    if (line < 0 || this.#taken[line] === true) return -1;
    this.#taken[line] = true;
    this.#next = line + 1;
    return line;
  }

  /** Where a line is in its file. */
  offsetOf(line: number): number {
    return this.#offsets[line] as number;
  }

  /** The lines that no record has taken. */
  *rest(): Generator<{ readonly seq: number; readonly offset: number }> {
    for (const [line, seq] of this.#seqs.entries())
      if (this.#taken[line] !== true) yield { seq, offset: this.offsetOf(line) };
  }

  /** Forgets all lines. */
  clear(): void {
    for (const list of [this.#seqs, this.#offsets, this.#taken]) list.length = 0;
    this.#next = 0;
  }

  #find(seq: number): number {
    let low = 0;
    let high = this.#seqs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#seqs[middle] as number) < seq) low = middle + 1;
      else high = middle;
    }
    return this.#seqs[low] === seq ? low : -1;
  }
}
