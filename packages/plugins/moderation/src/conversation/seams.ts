import { type Find, type Finder, WHOLE, withoutAllowed } from '../finder.ts';
import { MAX_SPAN } from '../words/entry.ts';

/** A find that begins in one message and ends in a later one. */
export interface SeamFind {
  readonly find: Find;
  /** The message it ends in, by its place in the list. */
  readonly message: number;
  /** Where that one begins in the text that the find counts in. */
  readonly before: number;
}

/**
 * Reads the ends and beginnings of messages as one text: what is found across a seam was split to pass. A find is at
 * most 256 characters long, so no more than that is read on either side of a seam; cost grows with the messages alone.
 *
 * @param texts What the caller said, oldest first.
 * @param across How many messages in a row one find may be spread over.
 */
export function findAcross(finder: Finder, texts: readonly string[], across: number): SeamFind[] {
  const found: SeamFind[] = [];
  for (let message = 1; message < texts.length; message++) {
    const after = (texts[message] as string).slice(0, MAX_SPAN);
    let before = '';
    // From each message on by itself: a word of the list must be found as a word, and it may begin with any of them.
    for (let from = message - 1; from >= 0 && from > message - across && before.length < MAX_SPAN; from--) {
      const whole = texts[from] as string;
      const cut = Math.max(0, whole.length + before.length - MAX_SPAN);
      before = whole.slice(cut) + before;
      const { finds } = finder.find(before + after, WHOLE);
      for (const find of withoutAllowed(finds)) {
        // Where the text was cut, a word may only seem to begin.
        if (find.start === 0 && cut > 0) continue;
        if (find.start < before.length && find.end > before.length)
          found.push({ find, message, before: before.length });
      }
    }
  }
  return found;
}
