import { KIND, kindAt } from '../text/kinds.ts';
import { type CompiledWords, NODE } from './entry.ts';

/** Bits of what a code unit of a text is to a scan that is within no word. */
export const START = {
  /** A word may begin with it, or it must be looked at closely. */
  anywhere: 1,
  /** A word may begin with it, unless a letter stands before it. */
  atEdge: 2,
  /** It is a letter: what stands right behind it is at no edge. Twice `atEdge`, so that one shift tells. */
  letter: 4,
} as const;

/** Last unit that strings of one byte a character hold; among those, the native search is at its fastest. */
const LATIN1 = 0xff;

/** Where words may begin: most of a text begins none, and need not be read by the automaton. */
export class Starts {
  /** By code unit: bits of {@link START}. */
  readonly bits: Uint8Array = new Uint8Array(65_536);
  /** All units that words may begin with, and more. */
  readonly #some: RegExp;

  /** @param table By unit of the text, the letter that it is read as. */
  constructor({ base, check, node }: CompiledWords, table: Uint16Array) {
    let some = '';
    for (let unit = 0; unit < 65_536; unit++) {
      const letter = table[unit] as number;
      let bits: number = letter === 1 ? START.anywhere : 0;
      const first = (base[0] as number) + letter;
      if (letter > 2 && check[first] === 0)
        bits = ((node[first] as number) & NODE.freeLeft) === 0 ? START.atEdge : START.anywhere;
      if (bits !== 0 && unit <= LATIN1) some += `\\x${unit.toString(16).padStart(2, '0')}`;
      if (kindAt(String.fromCharCode(unit), 0) === KIND.letter) bits |= START.letter;
      this.bits[unit] = bits;
    }
    this.#some = new RegExp(`[${some}\\u0100-\\uffff]`, 'g');
  }

  /** Where a word may begin next, or -1. Tells too many places rather than too few. */
  next(text: string, from: number): number {
    this.#some.lastIndex = from;
    return this.#some.test(text) ? this.#some.lastIndex - 1 : -1;
  }
}
