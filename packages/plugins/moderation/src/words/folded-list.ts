import { readEscape } from '../text/escapes.ts';
import { foldSlowly, foldTable, SKIP, SPECIAL } from '../text/fold.ts';
import { KIND, kindAt, widthAt } from '../text/kinds.ts';
import { ENTRY, MAX_WORD_LENGTH } from './entry.ts';

type Numbers = Uint8Array | Uint16Array | Uint32Array;

/** The same numbers with room for at least one more, and for twice as many as before. */
function grown<T extends Numbers>(old: T, size: number): T {
  if (size < old.length) return old;
  const longer = new (old.constructor as new (length: number) => T)(Math.max(64, old.length * 2));
  longer.set(old);
  return longer;
}

/**
 * Words as the automaton will read them, folded as texts are. Flat arrays: an object for each of 100,000 words takes
 * more memory than the automaton does.
 */
export class FoldedList {
  /** The units of all words, one word after the other; letters once they are {@link encode}d. */
  units: Uint16Array = new Uint16Array(1_024);
  /** By word: where it begins. The next one begins where it ends. */
  start: Uint32Array = new Uint32Array(64);
  /** By word. Bit i: it has a separator of its own after its i-th letter. Only the first 31 are noted. */
  gaps: Uint32Array = new Uint32Array(64);
  flags: Uint8Array = new Uint8Array(64);
  severity: Uint8Array = new Uint8Array(64);
  category: Uint16Array = new Uint16Array(64);
  #count = 0;
  /** Behind the last unit, of the word that is being read too. */
  #used = 0;
  #gaps = 0;

  /** Folds a word. Gives its length; it is not in the list before {@link keep} is called. */
  read(text: string): number {
    this.#used = this.start[this.#count] as number;
    this.#gaps = 0;
    this.#fold(text, true);
    return this.#used - (this.start[this.#count] as number);
  }

  /** What a word's edges ask of the text around it: the word that was read. */
  edges(whole: boolean): number {
    const { units } = this;
    const first = this.start[this.#count] as number;
    const pair = String.fromCharCode(units[first] as number, units[first + 1] as number);
    const begins = kindAt(pair, 0) === KIND.letter;
    const ends = kindAt(String.fromCharCode(units[this.#used - 1] as number), 0) === KIND.letter;
    return (
      (begins || ends ? ENTRY.letters : 0) |
      (whole && begins ? ENTRY.leftEdge : 0) |
      (whole && ends ? ENTRY.rightEdge : 0)
    );
  }

  /**
   * Takes the word that was read into the list.
   *
   * @param flags Bits of {@link ENTRY}.
   * @param severity Place among the grades.
   * @param category Number of the category.
   */
  keep(flags: number, severity: number, category: number): void {
    const word = this.#count++;
    this.start = grown(this.start, word + 1);
    this.gaps = grown(this.gaps, word);
    this.flags = grown(this.flags, word);
    this.severity = grown(this.severity, word);
    this.category = grown(this.category, word);
    this.start[word + 1] = this.#used;
    this.gaps[word] = this.#gaps;
    this.flags[word] = flags;
    this.severity[word] = severity;
    this.category[word] = category;
  }

  /** Puts numbers in the place of units. */
  encode(alphabet: Uint16Array): void {
    const end = this.start[this.#count] as number;
    for (let i = 0; i < end; i++) this.units[i] = alphabet[this.units[i] as number] as number;
  }

  /** How often each unit occurs. */
  frequencies(): Uint32Array {
    const frequency = new Uint32Array(65_536);
    const end = this.start[this.#count] as number;
    for (let i = 0; i < end; i++) {
      const unit = this.units[i] as number;
      frequency[unit] = (frequency[unit] as number) + 1;
    }
    return frequency;
  }

  /**
   * The words in the order of their letters, each once. Of several spellings of one word, an exception counts before
   * all others, and then the graver one.
   */
  sorted(): Uint32Array {
    const order = new Uint32Array(this.#count);
    for (let i = 0; i < order.length; i++) order[i] = i;
    order.sort((a, b) => this.#compare(a, b) || a - b);
    let kept = 0;
    // By number: an iterator would make an object for each word.
    for (let i = 0; i < order.length; i++) {
      const word = order[i] as number;
      const last = order[kept - 1];
      if (last === undefined || this.#compare(last, word) !== 0) {
        order[kept++] = word;
        continue;
      }
      const [best, other] = this.#rank(word) > this.#rank(last) ? [word, last] : [last, word];
      this.gaps[best] = (this.gaps[best] as number) | (this.gaps[other] as number);
      order[kept - 1] = best;
    }
    return order.slice(0, kept);
  }

  #rank(word: number): number {
    return ((this.flags[word] as number) & ENTRY.allow) * 256 + (this.severity[word] as number);
  }

  #compare(a: number, b: number): number {
    const { units, start } = this;
    const endA = start[a + 1] as number;
    const endB = start[b + 1] as number;
    let i = start[a] as number;
    let k = start[b] as number;
    for (; i < endA && k < endB; i++, k++) {
      const difference = (units[i] as number) - (units[k] as number);
      if (difference !== 0) return difference;
    }
    // The shorter one first.
    return endA - i - (endB - k);
  }

  #fold(text: string, noteGaps: boolean): void {
    const table = foldTable();
    for (let i = 0; i < text.length;) {
      const width = widthAt(text, i);
      const unit = table[text.charCodeAt(i)] as number;
      const escape = unit === SPECIAL ? readEscape(text, i, false) : undefined;
      if (typeof escape === 'object') this.#fold(escape.character, false);
      else if (unit === SPECIAL)
        for (const one of foldSlowly(text, i).split('')) this.#push(one.charCodeAt(0));
      else if (unit !== SKIP) this.#push(unit);
      else if (noteGaps && kindAt(text, i) !== KIND.transparent) this.#gap();
      i += typeof escape === 'object' ? escape.length : width;
    }
  }

  #push(unit: number): void {
    // A longer word is not kept: it must not take memory either.
    if (this.#used - (this.start[this.#count] as number) > MAX_WORD_LENGTH) return;
    this.units = grown(this.units, this.#used);
    this.units[this.#used++] = unit;
  }

  #gap(): void {
    const length = this.#used - (this.start[this.#count] as number);
    if (length > 0 && length <= 31) this.#gaps |= 1 << (length - 1);
  }
}
