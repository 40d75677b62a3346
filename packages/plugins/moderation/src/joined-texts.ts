import type { TextPart } from '@sluice/core';
import { findAcross, type Stretch } from './conversation/seams.ts';
import type { Find, Finder } from './finder.ts';

/** A find that begins in one text and ends in another. */
export interface JoinedFind {
  readonly find: Find;
  /** The text that it ends in. */
  readonly part: TextPart;
  /** What was found. */
  readonly text: string;
  /** Where it stands, first things first; a text is told by its place in the walk. */
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
      for (const { find, text, stretches } of findAcross(finder, texts)) {
        const { part } = group[(stretches.at(-1) ?? stretches[0]).place] as Placed;
        const placed = stretches.map((one) => ({ ...one, place: (group[one.place] as Placed).place }));
        found.push({ find, part, text, stretches: placed });
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
