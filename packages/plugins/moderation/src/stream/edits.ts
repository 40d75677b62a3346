/** A change to a text. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The changes to one text, in their order. */
export class Edits {
  #edits: Edit[] = [];

  /** Whether there is none. */
  get none(): boolean {
    return this.#edits.length === 0;
  }

  /** Adds one behind all others. Of two that overlap, the first one's text counts. */
  add(from: number, end: number, text: string): Edit | undefined {
    const last = this.#edits.at(-1);
    const overlaps = last !== undefined && from < last.end;
    if (overlaps && end <= last.end) return undefined;
    const edit = { start: overlaps ? last.end : from, end, text };
    this.#edits.push(edit);
    return edit;
  }

  /** Adds some anywhere. */
  insert(edits: readonly Edit[]): void {
    this.#edits = [...this.#edits, ...edits].sort((a, b) => a.start - b.start);
  }

  /** A stretch of the text with its changes. */
  render(start: number, text: string): string {
    const end = start + text.length;
    let out = '';
    let at = start;
    for (const edit of this.#edits) {
      if (edit.end <= at || edit.start >= end) continue;
      if (edit.start > at) out += text.slice(at - start, edit.start - start);
      if (edit.start >= start) out += edit.text;
      at = Math.min(edit.end, end);
    }
    return at === start ? text : out + text.slice(at - start);
  }

  /** Forgets those that lie before a position. */
  forget(before: number): void {
    if (this.#edits.length > 0) this.#edits = this.#edits.filter(({ end }) => end > before);
  }
}
