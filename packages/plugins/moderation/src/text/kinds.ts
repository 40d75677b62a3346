/** What a character is to a matcher. */
export const KIND = {
  /** A letter of a script that writes words without spaces: Han, kana, Thai. Anything that is not listed below, too. */
  other: 0,
  /** A letter of a script that sets its words apart: Latin, Cyrillic, Arabic. */
  letter: 1,
  digit: 2,
  /** White space that may stand within a line. */
  space: 3,
  /** Marks and characters without a shape of their own: they do not separate. */
  transparent: 4,
  /** Signs that people set between the letters of one word, such as `-`, `.` and `*`. */
  joiner: 5,
  /** The end of a clause or a line. */
  stop: 6,
  /** Quotes and brackets: in Chinese they stand next to letters that do not belong together. */
  bracket: 7,
} as const;

const TRANSPARENT = /^[\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cs}]$/u;
const INHERITED_MARK = /^(?=\p{M})\p{Script=Inherited}$/u;
/** Voicing of kana: a mark that makes another letter. */
const VOICING = /^[\u3099\u309a]$/;
const SPACE = /^[\p{Z}\t]$/u;
const STOP = /^[\n\r\v\f\u0085\u2028\u2029。，、！？；：!?;…]$/u;
const BRACKET = /^[\p{Ps}\p{Pe}\p{Pi}\p{Pf}"<>\uff1c\uff1e]$/u;
const SIGN = /^[\p{P}\p{S}]$/u;
const DIGIT = /^\p{N}$/u;
const LETTER = /^[\p{L}\p{M}]$/u;
const UNSPACED =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Bopomofo}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\u30fc]$/u;

function compute(character: string): number {
  if (STOP.test(character)) return KIND.stop;
  if (SPACE.test(character)) return KIND.space;
  if (TRANSPARENT.test(character)) return KIND.transparent;
  if (INHERITED_MARK.test(character) && !VOICING.test(character)) return KIND.transparent;
  if (BRACKET.test(character)) return KIND.bracket;
  if (SIGN.test(character)) return KIND.joiner;
  if (DIGIT.test(character)) return KIND.digit;
  if (LETTER.test(character) && !UNSPACED.test(character)) return KIND.letter;
  return KIND.other;
}

let table: Uint8Array | undefined;

/** The kind of each UTF-16 code unit that is a character by itself. Made once: it takes tens of milliseconds. */
function kinds(): Uint8Array {
  if (table === undefined) {
    table = new Uint8Array(65_536);
    for (let unit = 0; unit < 65_536; unit++) table[unit] = compute(String.fromCharCode(unit));
  }
  return table;
}

/** The kind of the character that begins at `index`. */
export function kindAt(text: string, index: number): number {
  const unit = text.charCodeAt(index);
  if (unit < 0xd800 || unit > 0xdfff) return kinds()[unit] as number;
  const point = text.codePointAt(index) as number;
  return point > 0xffff ? compute(String.fromCodePoint(point)) : KIND.transparent;
}

/** The kind of the character that ends before `index`. */
export function kindBefore(text: string, index: number): number {
  const unit = text.charCodeAt(index - 1);
  if (unit < 0xdc00 || unit > 0xdfff || index < 2) return kinds()[unit] as number;
  return kindAt(text, index - 2);
}

/** How many code units the character at `index` takes. */
export function widthAt(text: string, index: number): number {
  return (text.codePointAt(index) as number) > 0xffff ? 2 : 1;
}
