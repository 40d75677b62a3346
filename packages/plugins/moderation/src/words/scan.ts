import { readEscape } from '../text/escapes.ts';
import { foldSlowly, foldTable, SPECIAL } from '../text/fold.ts';
import { widthAt } from '../text/kinds.ts';
import { type CompiledWords, ENTRY, MAX_SPAN, MAX_WORD_LENGTH, SEVERITIES, type Severity } from './entry.ts';
import { START, Starts } from './starts.ts';
import { isLive, isWord, type Place } from './verify.ts';

/** A word found in a text. */
export interface WordHit {
  /** Where it begins, in UTF-16 code units. */
  readonly start: number;
  /** Where it ends. */
  readonly end: number;
  readonly category: string;
  readonly severity: Severity;
  /** Number of the entry, for reports. */
  readonly entry: number;
  /** An exception: what lies within is no find. */
  readonly allow: boolean;
}

/** How a text is to be read. */
export interface ScanOptions {
  /** Nothing will follow the text. Without it, what may still become a find is told in `hold`. */
  readonly final?: boolean;
  /** The text is raw JSON. */
  readonly json?: boolean;
  /** Digits and signs stand for the letters they look like. */
  readonly leet?: boolean;
  /** Where words may begin and end, whatever stands next to them. */
  readonly seams?: ReadonlySet<number> | undefined;
}

/** What a scan gives. */
export interface Scanned {
  readonly hits: readonly WordHit[];
  /** From here on the text may still turn out to be part of a find; its length if nothing may. */
  readonly hold: number;
}

const RING = MAX_WORD_LENGTH;
const MASK = RING - 1;
/** Units from which on a native search is faster than looking at each. */
const WORTH_LEAPING = 32;
const NO_HITS: readonly WordHit[] = [];

/** Runs the automaton of a list over texts. One pass, no memory of its own from text to text. */
export class WordScanner {
  readonly words: CompiledWords;
  /** Where the last letters stood, to know where a find began. */
  readonly #ring = new Int32Array(RING);
  readonly #place: { -readonly [Name in keyof Place]: Place[Name] };
  readonly #starts: Starts;
  readonly #leetStarts: Starts;

  constructor(words: CompiledWords) {
    this.words = words;
    this.#starts = new Starts(words, words.table);
    this.#leetStarts = new Starts(words, words.leetTable);
    this.#place = { words, text: '', ring: this.#ring, count: 0, leet: false, json: false, seams: undefined };
  }

  /** Finds the words of the list in a text. */
  scan(text: string, { final = true, json = false, leet = false, seams }: ScanOptions = {}): Scanned {
    const { base, check, fail, hit } = this.words;
    const table = leet ? this.words.leetTable : this.words.table;
    const starts = leet ? this.#leetStarts : this.#starts;
    const { bits } = starts;
    const ring = this.#ring;
    const place = this.#place;
    place.text = text;
    place.leet = leet;
    place.json = json;
    place.seams = seams;
    const { length } = text;
    let hits: WordHit[] | undefined;
    let hold = length;
    let state = 0;
    let count = 0;
    let read = length;
    // Leaping is for texts in which next to nothing begins a word: a short leap is the last one.
    let leaps = length >= WORTH_LEAPING;
    let before = 0;
    // With seams, or behind an escape of JSON, an edge may be anywhere.
    const edged = seams === undefined && !json ? START.letter : 0;
    for (let i = 0; i < length; i++) {
      if (leaps && state === 0) {
        const to = starts.next(text, i);
        if (to < 0) break;
        leaps = to - i >= WORTH_LEAPING;
        if (to > i) before = bits[text.charCodeAt(to - 1)] as number;
        i = to;
      }
      const unit = text.charCodeAt(i);
      const own = bits[unit] as number;
      // Behind a letter there is no edge.
      const begins = START.anywhere | (START.atEdge & ~((before & edged) >> 1));
      before = own;
      if (state === 0 && (own & begins) === 0) continue;
      const letter = table[unit] as number;
      if (letter > 2) {
        let to = (base[state] as number) + letter;
        while (check[to] !== state) {
          if (state === 0) {
            to = 0;
            break;
          }
          state = fail[state] as number;
          to = (base[state] as number) + letter;
        }
        state = to;
        ring[count++ & MASK] = i;
        if (hit[state] !== 0) {
          // One list for all: a copy at each hit would take time that grows with the square of their number.
          hits ??= [];
          hold = Math.min(hold, this.#report(state, count, i + 1, final, hits));
        }
      } else if (letter === 2) {
        state = 0;
      } else if (letter === SPECIAL) {
        const special = readSpecial(text, i, json, final);
        if (special === undefined) {
          hold = Math.min(hold, i);
          read = i;
          break;
        }
        for (let k = 0; k < special.folded.length; k++) {
          state = this.#step(state, special.folded.charCodeAt(k));
          ring[count++ & MASK] = i;
        }
        const end = i + special.length;
        if (special.folded !== '' && hit[state] !== 0) {
          hits ??= [];
          hold = Math.min(hold, this.#report(state, count, end, final, hits));
        }
        i = end - 1;
        before = bits[text.charCodeAt(i)] as number;
      }
    }
    if (!final && state !== 0) hold = Math.min(hold, this.#liveStart(state, count, read));
    return { hits: hits ?? NO_HITS, hold };
  }

  /** As the loop above, for one folded unit. */
  #step(from: number, unit: number): number {
    const { base, check, fail, alphabet } = this.words;
    const letter = alphabet[unit] as number;
    if (letter === 2) return 0;
    let state = from;
    let to = (base[state] as number) + letter;
    while (check[to] !== state) {
      if (state === 0) return 0;
      state = fail[state] as number;
      to = (base[state] as number) + letter;
    }
    return to;
  }

  /** Takes note of the words that end here; gives the start of the first one that the next characters decide. */
  #report(state: number, count: number, end: number, final: boolean, hits: WordHit[]): number {
    const { hit, fail, entry, depth, flags, severity, category, categories } = this.words;
    const place = this.#place;
    place.count = count;
    let hold = place.text.length;
    for (let node = hit[state] as number; node !== 0; node = hit[fail[node] as number] as number) {
      const id = entry[node] as number;
      const start = this.#ring[(count - (depth[node] as number)) & MASK] as number;
      if (end - start > MAX_SPAN) continue;
      const verdict = isWord(place, node, id, start, end, final);
      if (verdict === 'later') hold = Math.min(hold, start);
      if (verdict !== 'yes') continue;
      hits.push({
        start,
        end,
        category: categories[category[id] as number] as string,
        severity: SEVERITIES[severity[id] as number] as Severity,
        entry: id,
        allow: ((flags[id] as number) & ENTRY.allow) !== 0,
      });
    }
    return hold;
  }

  /** Where the longest beginning of a word starts that ends the text, as far as it was read. */
  #liveStart(from: number, count: number, read: number): number {
    const { fail, depth } = this.words;
    const place = this.#place;
    place.count = count;
    const { text } = place;
    for (let state = from; state !== 0; state = fail[state] as number) {
      const start = this.#ring[(count - (depth[state] as number)) & MASK] as number;
      if (text.length - start < MAX_SPAN && isLive(place, state, start, read)) return start;
    }
    return text.length;
  }
}

/** An escape, a surrogate pair or a letter that folds to several. Undefined: the text ends too early to tell. */
function readSpecial(
  text: string,
  index: number,
  json: boolean,
  final: boolean,
): { readonly folded: string; readonly length: number } | undefined {
  const escape = readEscape(text, index, json);
  if (escape === 'unfinished') {
    return final ? { folded: '', length: 1 } : undefined;
  }
  if (escape !== undefined) return { folded: foldAll(escape.character), length: escape.length };
  const unit = text.charCodeAt(index);
  if (unit >= 0xd800 && unit < 0xdc00 && index + 1 === text.length && !final) return undefined;
  return { folded: foldSlowly(text, index), length: widthAt(text, index) };
}

function foldAll(character: string): string {
  let folded = '';
  for (let i = 0; i < character.length; i += widthAt(character, i)) {
    const unit = foldTable()[character.charCodeAt(i)] as number;
    folded += unit > SPECIAL ? String.fromCharCode(unit) : unit === SPECIAL ? foldSlowly(character, i) : '';
  }
  return folded;
}
