import type { TextPart } from '@sluice/core';
import { type Find, type Finder, withoutAllowed } from '../finder.ts';
import { MAX_SPAN } from '../words/entry.ts';

/** A change to a text. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** What is done about a find in a stream. */
export type Decision =
  | { readonly kind: 'block' }
  | { readonly kind: 'replace'; readonly text: string }
  | { readonly kind: 'pass' };

/** Text that has gone out and is looked at once more, for what begins in one block and ends in the next. */
const CONTEXT = 32;

/**
 * The text of one block or choice, as it comes in pieces. Positions count from its first character. What lies before
 * `clear` is decided; behind it, at most 256 characters wait for what follows.
 */
export class TextChannel {
  readonly part: Pick<TextPart, 'channel' | 'editable'>;
  readonly #finder: Finder;
  readonly #json: boolean;
  /** The last of the text before this one, while a word may still go on from there. */
  #previous: string;
  /** The last that was cleared, and whether more had been before it. */
  #context = '';
  #cut = false;
  #pending = '';
  /** Position of the first pending character. */
  #base = 0;
  #edits: Edit[] = [];

  constructor(part: Pick<TextPart, 'channel' | 'editable'>, finder: Finder, previous = '') {
    this.part = { channel: part.channel, editable: part.editable };
    this.#finder = finder;
    this.#json = part.channel === 'tool-arguments';
    this.#previous = previous;
  }

  /** Up to here the text is decided. */
  get clear(): number {
    return this.#base;
  }

  /** Where the next piece will begin. */
  get end(): number {
    return this.#base + this.#pending.length;
  }

  /** The last of the cleared text: the context of the block that follows. */
  get tail(): string {
    return this.#context;
  }

  /**
   * Takes what has come, and decides as much as can be decided. True when something in it is to be blocked: it begins
   * at `clear`, or in the block before.
   */
  take(piece: string, final: boolean, decide: (find: Find, text: string) => Decision): boolean {
    if (piece === '' && !final) return false;
    this.#pending += piece;
    if (this.#pending === '') return false;
    const seen = this.#context.length;
    const text = this.#context + this.#pending;
    const found = this.#finder.find(text, { final, json: this.#json });
    let hold = final ? text.length : Math.max(found.hold, seen);
    const finds = found.finds.length === 0 ? found.finds : withoutAllowed(found.finds);
    let blocked = text.length + 1;
    const edits: Edit[] = [];
    const across = this.#previous === '' ? undefined : this.#across(final);
    if (across !== undefined) {
      // The first part of the word has gone out, in a block of its own; the rest must not follow.
      if (across.finds.some((find) => decide(find, '').kind === 'block')) blocked = seen;
      if (across.open) hold = seen;
    }
    for (const find of [...finds].sort((a, b) => a.start - b.start)) {
      if (find.end <= seen || (find.start === 0 && this.#cut)) continue;
      const start = Math.max(find.start, seen);
      // It may grow, or turn out to be part of something longer: its end is not known before what it touches is.
      if (!final && find.end > hold && text.length - start <= MAX_SPAN) {
        hold = Math.min(hold, start);
        continue;
      }
      const decision = decide(find, text.slice(find.start, find.end));
      if (decision.kind === 'block') blocked = Math.min(blocked, start);
      if (decision.kind === 'replace') edits.push({ start, end: find.end, text: decision.text });
    }
    const origin = this.#base - seen;
    for (const { start, end, text: by } of edits)
      this.#edit({ start: start + origin, end: end + origin, text: by });
    this.#advance(Math.min(hold, blocked) - seen);
    return blocked <= text.length;
  }

  /** A stretch of text as it may go out. Only what is cleared may be asked for. */
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

  /** Forgets changes that lie before a position: nobody will ask for them again. */
  forget(before: number): void {
    if (this.#edits.length > 0) this.#edits = this.#edits.filter(({ end }) => end > before);
  }

  /** What begins in the text before and ends in this one. */
  #across(final: boolean): { readonly finds: readonly Find[]; readonly open: boolean } {
    const seam = this.#previous.length;
    const text = this.#previous + this.#context + this.#pending;
    const { finds, hold } = this.#finder.find(text, { final, json: this.#json });
    if (final || hold >= seam) this.#previous = '';
    return {
      finds: withoutAllowed(finds).filter(({ start, end }) => start < seam && end > seam && start > 0),
      open: !final && hold < seam,
    };
  }

  /** Two changes that touch become one; of two that begin together, the longer one counts. */
  #edit(edit: Edit): void {
    const last = this.#edits.at(-1);
    if (last === undefined || edit.start >= last.end) this.#edits.push(edit);
    else if (edit.end > last.end) this.#edits.push({ ...edit, start: last.end });
  }

  #advance(length: number): void {
    if (length <= 0) return;
    const text = this.#context + this.#pending.slice(0, length);
    this.#cut ||= text.length > CONTEXT;
    this.#context = text.slice(-CONTEXT);
    this.#pending = this.#pending.slice(length);
    this.#base += length;
  }
}
