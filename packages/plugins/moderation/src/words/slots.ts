/** Slots that are tried in vain before the search for the next node begins behind them. */
const MAX_TRIES = 32;

/** The slots of a double array. Free ones form a list, so that full stretches are not walked again and again. */
export class Slots {
  #taken: Uint8Array;
  #next: Int32Array;
  #previous: Int32Array;
  #head = 1;
  /** Where the search for nodes of one breadth begins; 0: at the first free slot. */
  #from = 0;
  #breadth = 0;
  /** Behind the last slot that is taken. */
  #used = 1;
  #length: number;

  constructor(size: number) {
    this.#length = size;
    this.#taken = new Uint8Array(size);
    this.#next = new Int32Array(size);
    this.#previous = new Int32Array(size);
    this.#link(0);
    // The root's own.
    this.#taken[0] = 1;
  }

  /** A base at which all letters (ascending) of a stretch fall on free slots. */
  find(letters: Uint16Array, from: number, to: number): number {
    const first = letters[from] as number;
    const breadth = to - from;
    if (breadth !== this.#breadth) {
      this.#breadth = breadth;
      this.#from = 0;
    }
    let slot = this.#from === 0 ? this.#head : this.#from;
    for (let tries = 0; slot < this.#length; tries++) {
      const base = slot - first;
      if (base > 0 && this.#fits(base, letters, from, to)) {
        // What was too crowded for this node is not tried for every other one of its breadth.
        if (tries > MAX_TRIES) this.#from = this.#next[slot] as number;
        return base;
      }
      slot = this.#next[slot] as number;
    }
    return Math.max(1, this.#used - first);
  }

  /** Takes a slot. */
  take(slot: number): void {
    this.#grow(slot + 1);
    this.#taken[slot] = 1;
    if (slot >= this.#used) this.#used = slot + 1;
    const next = this.#next[slot] as number;
    const previous = this.#previous[slot] as number;
    if (slot === this.#from) this.#from = next;
    if (slot === this.#head) this.#head = next;
    else this.#next[previous] = next;
    if (next < this.#length) this.#previous[next] = previous;
  }

  #fits(base: number, letters: Uint16Array, from: number, to: number): boolean {
    for (let i = from; i < to; i++) {
      const slot = base + (letters[i] as number);
      if (slot < this.#length && this.#taken[slot] !== 0) return false;
    }
    return true;
  }

  /** Each slot from there on follows the one before. */
  #link(from: number): void {
    for (let i = from; i < this.#length; i++) {
      this.#next[i] = i + 1;
      this.#previous[i] = i - 1;
    }
  }

  #grow(size: number): void {
    const before = this.#length;
    if (size <= before) return;
    this.#length = Math.max(size, Math.ceil(before * 1.25));
    const longer = <T extends Uint8Array | Int32Array>(grown: T, old: T): T => {
      grown.set(old);
      return grown;
    };
    this.#taken = longer(new Uint8Array(this.#length), this.#taken);
    this.#next = longer(new Int32Array(this.#length), this.#next);
    this.#previous = longer(new Int32Array(this.#length), this.#previous);
    // A list that had run out pointed behind its end: that is where the new slots begin.
    this.#link(before);
    if (this.#head >= before) this.#head = before;
    else {
      let last = before - 1;
      while (last > 0 && this.#taken[last] !== 0) last--;
      this.#previous[before] = last;
      this.#next[last] = before;
    }
  }
}
