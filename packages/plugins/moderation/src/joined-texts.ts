import type { TextPart } from '@sluice/core';
import { findAcross } from './conversation/seams.ts';
import type { Find, Finder } from './finder.ts';

/** A stretch of one text. */
export interface Stretch {
  /** The text, by its place in the walk. */
  readonly place: number;
  readonly start: number;
  readonly end: number;
}

/** A find that begins in one text and ends in another. */
export interface JoinedFind {
  readonly find: Find;
  /** The text that it ends in. */
  readonly part: TextPart;
  /** What was found. */
  readonly text: string;
  /** Where it stands, first things first. */
  readonly stretches: readonly Stretch[];
}

interface Placed {
  readonly part: TextPart;
  readonly place: number;
}

/** Channels whose texts are read one behind the other. Arguments of tools are not: each has a field of its own. */
const READ_ON: ReadonlySet<TextPart['channel']> = new Set(['message', 'text']);

/** The texts of each message, or of an answer: readers, models too, see what is cut into blocks as one. */
export class JoinedTexts {
  readonly #groups = new Map<string, Placed[]>();

  /** Takes note of a text. */
  add(part: TextPart, place: number): void {
    if (!READ_ON.has(part.channel)) return;
    const id = `${part.channel} ${part.message ?? ''}`;
    const group = this.#groups.get(id);
    if (group === undefined) this.#groups.set(id, [{ part, place }]);
    else group.push({ part, place });
  }

  /** What is found across them. */
  finds(finder: Finder): JoinedFind[] {
    const found: JoinedFind[] = [];
    for (const group of this.#groups.values()) {
      if (group.length < 2) continue;
      const texts = group.map(({ part }) => part.text);
      for (const { find, message, before } of findAcross(finder, texts, texts.length)) {
        const { part } = group[message] as Placed;
        const stretches = stretchesOf(group, message, find.start - before, find.end - before);
        const text = stretches
          .map(({ place, start, end }) => textAt(group, place).slice(start, end))
          .join('');
        found.push({ find, part, text, stretches });
      }
    }
    return found;
  }
}

function textAt(group: readonly Placed[], place: number): string {
  return (group.find((one) => one.place === place) as Placed).part.text;
}

/** Positions count from the beginning of the last text; negative ones lie in those before it. */
function stretchesOf(group: readonly Placed[], last: number, start: number, end: number): Stretch[] {
  const stretches: Stretch[] = [];
  let [from, to] = [start, end];
  for (let at = last; at >= 0 && from < to; at--) {
    const { part, place } = group[at] as Placed;
    if (at < last) {
      from += part.text.length;
      to += part.text.length;
    }
    if (to > 0) stretches.unshift({ place, start: Math.max(0, from), end: Math.min(to, part.text.length) });
    if (from >= 0) break;
    to = Math.min(to, 0);
  }
  return stretches;
}
