import { type Find, type Finder, withoutAllowed } from '../finder.ts';
import { MAX_SPAN } from '../words/entry.ts';

/** A stretch of one text. */
export interface Stretch {
  /** The text, by its place in the list. */
  readonly place: number;
  readonly start: number;
  readonly end: number;
}

/** A find that begins in one text and ends in a later one. */
export interface SeamFind {
  readonly find: Find;
  /** What was found. */
  readonly text: string;
  /** Where it stands, first things first. */
  readonly stretches: readonly [Stretch, ...Stretch[]];
}

/** A text, or an end of one, in a row that is read as one. */
interface Piece {
  readonly place: number;
  /** Where it begins in its text. */
  readonly from: number;
  /** Where it begins in the row. */
  readonly at: number;
}

/**
 * Reads texts one behind the other: what is found across a seam was split to pass. A find is at most 256 characters
 * long, so no more than that is read on either side of a seam, and once: however many texts there are, the cost grows
 * with their length alone. A word may begin with each text and end with each, whatever stands before and behind.
 *
 * @param texts First things first.
 * @param across How many texts in a row one find may be spread over.
 */
export function findAcross(
  finder: Finder,
  texts: readonly string[],
  across: number = Number.POSITIVE_INFINITY,
): SeamFind[] {
  const found: SeamFind[] = [];
  let pieces: Piece[] = [];
  let parts: string[] = [];
  let length = 0;
  const add = (place: number, from: number, text: string): void => {
    pieces.push({ place, from, at: length });
    parts.push(text);
    length += text.length;
  };
  const read = (): void => {
    if (pieces.length > 1)
      for (const one of acrossRow(finder, parts.join(''), pieces, across)) found.push(one);
    [pieces, parts, length] = [[], [], 0];
  };
  for (const [place, text] of texts.entries()) {
    if (text.length <= MAX_SPAN * 2) {
      if (text !== '') add(place, 0, text);
      continue;
    }
    add(place, 0, text.slice(0, MAX_SPAN));
    read();
    add(place, text.length - MAX_SPAN, text.slice(-MAX_SPAN));
  }
  read();
  return found;
}

function acrossRow(finder: Finder, row: string, pieces: readonly Piece[], across: number): SeamFind[] {
  const seams = new Set(pieces.map(({ at }) => at));
  const { finds } = finder.find(row, { final: true, json: false, seams });
  const found: SeamFind[] = [];
  for (const find of withoutAllowed(finds)) {
    // Where a text was cut, a word may only seem to begin.
    if (find.start === 0 && (pieces[0] as Piece).from > 0) continue;
    const first = pieceAt(pieces, find.start);
    const last = pieceAt(pieces, find.end - 1);
    if (last <= first || last - first >= across) continue;
    const stretches = pieces.slice(first, last + 1).map(({ place, from, at }, i) => ({
      place,
      start: from + Math.max(0, find.start - at),
      end: from + Math.min(find.end, pieces[first + i + 1]?.at ?? row.length) - at,
    }));
    const text = row.slice(find.start, find.end);
    found.push({ find, text, stretches: stretches as [Stretch, ...Stretch[]] });
  }
  return found;
}

/** The last piece that begins at or before a position. */
function pieceAt(pieces: readonly Piece[], position: number): number {
  let [low, high] = [0, pieces.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((pieces[middle] as Piece).at <= position) low = middle;
    else high = middle - 1;
  }
  return low;
}
