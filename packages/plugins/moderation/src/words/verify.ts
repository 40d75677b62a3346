import { readEscape } from '../text/escapes.ts';
import { foldSlowly, LEET } from '../text/fold.ts';
import { KIND, kindAt, kindBefore, widthAt } from '../text/kinds.ts';
import { type CompiledWords, ENTRY, MAX_WORD_LENGTH, NODE } from './entry.ts';

/** Where a scan stands when it looks closer. */
export interface Place {
  readonly words: CompiledWords;
  readonly text: string;
  /** Where the last letters stood, by their number. */
  readonly ring: Int32Array;
  /** Letters so far. */
  readonly count: number;
  readonly leet: boolean;
  /** The text is raw JSON. */
  readonly json: boolean;
  /** Where words may begin and end, whatever stands next to them. */
  readonly seams: ReadonlySet<number> | undefined;
}

const MASK = MAX_WORD_LENGTH - 1;
/** "we'll" is no "well", and "he'll" something else altogether. */
const CONTRACTION = /\p{L}['\u2019](?:s|t|ll|re|ve|d|m)$/iu;
/** Signs between two letters of one word, at most. */
const MAX_GAP = 8;

/**
 * Whether a run of letters that spells an entry is a word of the text. The automaton passes over everything that is no
 * letter, so "pen is" and "class" get here; what people mean to be read as one word does too. `later`: the next
 * characters decide.
 */
export function isWord(
  place: Place,
  node: number,
  entry: number,
  start: number,
  end: number,
  final: boolean,
): 'yes' | 'no' | 'later' {
  const { words, text } = place;
  const flags = words.flags[entry] as number;
  if ((flags & ENTRY.leftEdge) !== 0 && !beginsWord(place, start)) return 'no';
  const depth = words.depth[node] as number;
  const { filled, spaces, stops, brackets, broken } = gapsOf(place, node, end);
  if (broken) return 'no';
  // Every letter by itself, or signs that stand within words: "b a d" and "b-ad", and not "a bad" for "abad".
  const spelled = filled === depth - 1 && depth > 2;
  const parts = (flags & ENTRY.letters) === 0 ? brackets : place.leet ? spaces + brackets : spaces;
  if (!spelled && (stops > 0 || parts > 0)) return 'no';
  if ((flags & ENTRY.latin) !== 0) {
    if (isForeign(place, depth)) return 'no';
    if (filled === 1 && !spelled && CONTRACTION.test(text.slice(start, end))) return 'no';
  }
  if (place.leet && !readsAsLetters(place, depth)) return 'no';
  return (flags & ENTRY.rightEdge) === 0 ? 'yes' : endsWord(place, end, final);
}

/** Whether the beginning of a word, which the text ends with, may still be completed. It was read up to `end`. */
export function isLive(place: Place, node: number, start: number, end: number): boolean {
  const { words, text } = place;
  const flags = words.node[node] as number;
  if ((flags & NODE.freeLeft) === 0 && !beginsWord(place, start)) return false;
  const { filled, spaces, stops, broken } = gapsOf(place, node, end);
  if (broken) return false;
  if (filled === (words.depth[node] as number) - 1) return true;
  return stops === 0 && (spaces === 0 || letterKind(text, start) !== KIND.letter);
}

interface Gaps {
  /** Between how many letters something stands that an entry has not there itself. */
  readonly filled: number;
  /** How many of the gaps, and of what follows the last letter, hold white space. */
  readonly spaces: number;
  /** The same for the end of a clause or a line. */
  readonly stops: number;
  /** The same for quotes and brackets. */
  readonly brackets: number;
  /** Too much stands there for one word. */
  readonly broken: boolean;
}

/** Looks at what stands between the letters, and behind the last one up to `end`. */
function gapsOf({ words, text, ring, count }: Place, node: number, end: number): Gaps {
  let filled = 0;
  let spaces = 0;
  let stops = 0;
  let brackets = 0;
  let state = node;
  let until = end;
  for (let k = 1; k <= (words.depth[node] as number); k++) {
    const at = ring[(count - k) & MASK] as number;
    let seen = 0;
    let spaced = 0;
    let stopped = 0;
    let bracketed = 0;
    // One character may be several letters: then nothing stands between them.
    for (let i = at === until ? until : at + sourceWidth(text, at); i < until; i += widthAt(text, i)) {
      const kind = kindAt(text, i);
      if (kind === KIND.transparent) continue;
      if (kind === KIND.space) spaced = 1;
      else if (kind === KIND.stop) stopped = 1;
      else if (kind === KIND.bracket) bracketed = 1;
      if (++seen > MAX_GAP) return { filled, spaces, stops, brackets, broken: true };
    }
    const natural = ((words.node[state] as number) & NODE.gapAfter) !== 0;
    if (seen > 0 && !natural) {
      if (k > 1) filled++;
      spaces += spaced;
      stops += stopped;
      brackets += bracketed;
    }
    until = at;
    state = words.check[state] as number;
  }
  return { filled, spaces, stops, brackets, broken: false };
}

/** The kind of the letter that a character stands for: it may be an escape, or a sign. */
function letterKind(text: string, at: number): number {
  const escape = readEscape(text, at, true);
  const folded = typeof escape === 'object' ? foldSlowly(escape.character, 0) : foldSlowly(text, at);
  return kindAt(folded, 0);
}

function sourceWidth(text: string, at: number): number {
  const escape = readEscape(text, at, true);
  return typeof escape === 'object' ? escape.length : widthAt(text, at);
}

function beginsWord({ text, seams, json }: Place, start: number): boolean {
  for (let i = start; i > 0;) {
    if (seams?.has(i)) return true;
    const kind = kindBefore(text, i);
    if (kind !== KIND.transparent) return kind !== KIND.letter || (json && endsEscape(text, i));
    i -= i > 1 && text.charCodeAt(i - 1) >> 10 === 0x37 ? 2 : 1;
  }
  return true;
}

/** Whether an escape such as `\\n` ends there, whose letter is none of the text. */
function endsEscape(text: string, end: number): boolean {
  if (!/[bfnrt]/.test(text.charAt(end - 1))) return false;
  let first = end - 1;
  while (first > 0 && text.charCodeAt(first - 1) === 0x5c) first--;
  const backslashes = end - 1 - first;
  // Each pair of them is a backslash of the text. Where they go on before it, nobody knows.
  return backslashes % 2 === 1 || (backslashes > 0 && first === 0);
}

function endsWord({ text, seams }: Place, end: number, final: boolean): 'yes' | 'no' | 'later' {
  let i = end;
  for (; i < text.length; i += widthAt(text, i)) {
    if (seams?.has(i)) return 'yes';
    const unit = text.charCodeAt(i);
    if (unit >> 10 === 0x36 && i + 1 === text.length && !final) return 'later';
    const kind = kindAt(text, i);
    if (kind !== KIND.transparent) return kind === KIND.letter ? 'no' : 'yes';
    if (i - end > MAX_GAP) return 'yes';
  }
  return final ? 'yes' : 'later';
}

/** Digits and signs may stand in for some letters of a word, not for most of them: 455 is a number. */
function readsAsLetters({ text, ring, count }: Place, depth: number): boolean {
  let stood = 0;
  for (let k = 1; k <= depth; k++) {
    if (LEET.has(text.charAt(ring[(count - k) & MASK] as number))) stood++;
  }
  return stood > 0 && depth - stood >= Math.max(2, Math.ceil(depth / 4));
}

const OTHER_SCRIPT = /^[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}]$/u;

/**
 * A Latin word in nothing but Cyrillic letters is most likely a Cyrillic word: only look-alikes among Latin letters
 * are there to deceive. An entry in that script finds it, because both are folded alike.
 */
function isForeign({ text, ring, count }: Place, depth: number): boolean {
  for (let k = 1; k <= depth; k++) {
    const at = ring[(count - k) & MASK] as number;
    const unit = text.charCodeAt(at);
    if (unit < 0x250 || !OTHER_SCRIPT.test(text.charAt(at))) return false;
  }
  return true;
}
