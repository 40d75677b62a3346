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

type Decide = (find: Find, text: string) => Decision;

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
  /** The text before this one, while a word may still go on from there. */
  #previous: TextChannel | undefined;
  /** The last that was cleared, and whether more had been before it. */
  #context = '';
  #cut = false;
  #pending = '';
  /** Position of the first pending character. */
  #base = 0;
  #edits: Edit[] = [];

  constructor(part: Pick<TextPart, 'channel' | 'editable'>, finder: Finder, previous?: TextChannel) {
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

  /** Whether its end waits for the text that follows. */
  get open(): boolean {
    return this.#pending !== '' || this.#previous !== undefined;
  }

  /** Nothing goes on from its end: what waits there is clear. */
  settle(): void {
    this.#letPrevious();
    this.#advance(this.#pending.length);
  }

  /**
   * Takes what has come, and decides as much as can be decided. True when something in it is to be blocked: it begins
   * at `clear`, or in the text before.
   */
  take(piece: string, decide: Decide): boolean {
    if (piece === '') return false;
    this.#pending += piece;
    const { hold, blocked } = this.#judge(false, decide);
    this.#advance(Math.min(hold, blocked ?? hold) - this.#context.length);
    return blocked !== undefined;
  }

  /**
   * The text is whole: everything in it is decided, but an end that the next text may continue waits for that, or for
   * {@link settle}. True when something is to be blocked, as with {@link take}.
   */
  close(decide: Decide): boolean {
    const lead = this.#lead;
    const own = this.#context.length + this.#pending.length;
    const { hold } = this.#finder.find(lead, { final: false, json: this.#json });
    const { blocked } = this.#judge(true, decide, hold < lead.length - own);
    const waits = Math.min(this.#pending.length, lead.length - hold);
    this.#advance((blocked ?? own - waits) - this.#context.length);
    return blocked !== undefined;
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

  /** What is still looked at of the texts before, and of this one. */
  get #lead(): string {
    return this.#before + this.#context + this.#pending;
  }

  get #before(): string {
    return this.#previous === undefined ? '' : this.#previous.#lead;
  }

  /** Up to where the text is decided, counted from the context's beginning; and where a block begins. */
  #judge(
    final: boolean,
    decide: Decide,
    keepPrevious = false,
  ): { hold: number; blocked: number | undefined } {
    const seen = this.#context.length;
    const text = this.#context + this.#pending;
    const found = this.#finder.find(text, { final, json: this.#json });
    let hold = final ? text.length : Math.max(found.hold, seen);
    const finds = found.finds.length === 0 ? found.finds : withoutAllowed(found.finds);
    let blocked: number | undefined;
    const across = this.#previous === undefined ? 'none' : this.#across(final, decide, keepPrevious);
    if (across === 'blocked') blocked = seen;
    if (across === 'open') hold = seen;
    for (const find of [...finds].sort((a, b) => a.start - b.start)) {
      if (find.end <= seen || (find.start === 0 && this.#cut)) continue;
      const start = Math.max(find.start, seen);
      // It may grow, or turn out to be part of something longer: its end is not known before what it touches is.
      if (!final && find.end > hold && text.length - start <= MAX_SPAN) {
        hold = Math.min(hold, start);
        continue;
      }
      const decision = decide(find, text.slice(find.start, find.end));
      if (decision.kind === 'block') blocked = Math.min(blocked ?? start, start);
      if (decision.kind === 'replace') this.#edit(start - seen, find.end - seen, decision.text);
    }
    return { hold, blocked };
  }

  /** Decides what begins in the texts before and ends in this one: they wait until that is known. */
  #across(final: boolean, decide: Decide, keepPrevious: boolean): 'none' | 'open' | 'blocked' {
    const previous = this.#previous as TextChannel;
    const text = this.#lead;
    const seam = previous.#lead.length;
    const { finds, hold } = this.#finder.find(text, { final, json: this.#json });
    const crossing = withoutAllowed(finds)
      .filter(({ start, end }) => start < seam && end > seam && (start > 0 || !previous.#isCut))
      .sort((a, b) => a.start - b.start);
    const open = !final && (hold < seam || crossing.some(({ end }) => end > hold));
    for (const find of crossing) {
      const decision = decide(find, text.slice(find.start, find.end));
      if (decision.kind === 'block') {
        previous.#clearUpTo(find.start);
        return 'blocked';
      }
      // Once: what may still grow is decided again.
      if (decision.kind === 'replace' && !open) this.#editLead(find.start, find.end, decision.text);
    }
    if (open) return 'open';
    if (!keepPrevious) this.#letPrevious();
    return 'none';
  }

  #letPrevious(): void {
    this.#previous?.settle();
    this.#previous = undefined;
  }

  /** Whether there was more text before what is still looked at. */
  get #isCut(): boolean {
    return this.#previous === undefined ? this.#cut : this.#previous.#isCut;
  }

  /** Lets out what lies before a position in the lead. */
  #clearUpTo(at: number): void {
    const from = this.#before.length;
    if (this.#previous !== undefined && at < from) this.#previous.#clearUpTo(at);
    else {
      this.#letPrevious();
      this.#advance(at - from - this.#context.length);
    }
  }

  /** Replaces a stretch of the lead: the new text stands where the stretch begins. */
  #editLead(start: number, end: number, text: string): void {
    const from = this.#before.length;
    const seen = from + this.#context.length;
    if (this.#previous !== undefined && start < from) {
      this.#previous.#editLead(start, Math.min(end, from), text);
    }
    if (end > seen) this.#edit(Math.max(0, start - seen), end - seen, start < from ? '' : text);
  }

  /** Positions count from the first pending character. Of two changes that overlap, the first one's text counts. */
  #edit(from: number, to: number, text: string): void {
    const start = this.#base + from;
    const end = this.#base + to;
    const last = this.#edits.at(-1);
    if (last === undefined || start >= last.end) this.#edits.push({ start, end, text });
    else if (end > last.end) this.#edits.push({ start: last.end, end, text });
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
