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

/** The texts of each message, or of an answer: readers, models too, see what is cut into blocks as one. */
export class JoinedTexts {
  readonly #placed: Placed[] = [];

  /** Takes note of a text. Arguments of tools are not read one behind the other: each has a field of its own. */
  add(part: TextPart, place: number): void {
    if (part.channel === 'message' || part.channel === 'text') this.#placed.push({ part, place });
  }

  /** What is found across them. */
  finds(finder: Finder): JoinedFind[] {
    const found: JoinedFind[] = [];
    for (const group of this.#groups()) {
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

  /** Those of one message and channel; none at all where no message has more than one. */
  #groups(): Iterable<Placed[]> {
    if (this.#isEachAlone()) return [];
    const groups = new Map<string, Placed[]>();
    for (const one of this.#placed) {
      const { channel, message } = one.part;
      const id = `${channel} ${message ?? ''}`;
      const group = groups.get(id);
      if (group === undefined) groups.set(id, [one]);
      else group.push(one);
    }
    return groups.values();
  }

  /** Whether each belongs to a later message than the one before, as in most conversations. */
  #isEachAlone(): boolean {
    let last = -2;
    for (const { part } of this.#placed) {
      const { message = -1 } = part;
      if (message <= last) return false;
      last = message;
    }
    return true;
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
