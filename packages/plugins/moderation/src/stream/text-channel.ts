import type { TextPart } from '@sluice/core';
import { type Find, type Finder, withoutAllowed } from '../finder.ts';
import { KIND, kindAt } from '../text/kinds.ts';
import { MAX_SPAN } from '../words/entry.ts';
import { type Edit, Edits } from './edits.ts';
import { JsonPlace, type JsonText } from './json-place.ts';

/** What is done about a find in a stream. */
export type Decision =
  | { readonly kind: 'block' }
  | { readonly kind: 'replace'; readonly text: string }
  | { readonly kind: 'pass' };

type TextKind = Pick<TextPart, 'channel' | 'editable' | 'json'>;

/** What the texts of one stream share. */
export interface ChannelRules {
  readonly finder: Finder;
  /** Says what is done about a find, and takes note of it. */
  readonly decide: (find: Find, part: TextKind, text: string) => Decision;
  /** By the key of a text: what of it was masked together with another text, for whoever repeats it as a whole. */
  readonly seams: Map<string, Edit[]>;
}

/** Texts with such masks that are remembered. A stream that has more of them was made to fill memory: it is blocked. */
const MAX_SEAMS = 1_000;

/** Text that has gone out and is looked at once more, for what begins in one block and ends in the next. */
const CONTEXT = 32;

/** Such text is dropped once it is longer than that: less often than with every piece. */
const MAX_SEEN = 64;

const BACKSLASH = 0x5c;

/**
 * The text of one block or choice, as it comes in pieces. Positions count from its first character. What lies before
 * `clear` is decided; behind it, at most 256 characters wait for what follows.
 */
export class TextChannel {
  readonly part: TextKind & Pick<TextPart, 'key'>;
  /** What is changed in it. Only of what is cleared, all changes are known. */
  readonly edits: Edits = new Edits();
  readonly #rules: ChannelRules;
  /** Where in its JSON the first pending character stands. */
  readonly #place: JsonPlace | undefined;
  /** The text before this one, while a word may still go on from there. */
  #previous: TextChannel | undefined;
  /** The last that was cleared, and behind it what is pending: one string, which only grows most of the time. */
  #text = '';
  /** Where in it the pending characters begin. */
  #seen = 0;
  /** Position of the first pending character. */
  #base = 0;

  constructor(
    { channel, editable, key, json }: TextKind & Pick<TextPart, 'key'>,
    rules: ChannelRules,
    previous?: TextChannel,
  ) {
    this.part = json === true ? { channel, editable, key, json } : { channel, editable, key };
    this.#rules = rules;
    this.#place = json === true ? new JsonPlace() : undefined;
    this.#previous = previous;
  }

  /** Up to here the text is decided. */
  get clear(): number {
    return this.#base;
  }

  /** Where the next piece will begin. */
  get end(): number {
    return this.#base + this.#waiting;
  }

  /** Whether its end waits for the text that follows. */
  get open(): boolean {
    return this.#waiting > 0 || this.#previous !== undefined;
  }

  /** Nothing goes on from its end: what waits there is clear. */
  settle(): void {
    this.#letPrevious();
    this.#advance(this.#waiting);
  }

  /**
   * Takes what has come, and decides as much as can be decided. True when something in it is to be blocked: it begins
   * at `clear`, or in the text before.
   */
  take(piece: string): boolean {
    if (piece === '') return false;
    if (this.#seen > MAX_SEEN) {
      this.#text = this.#text.slice(this.#seen - CONTEXT);
      this.#seen = CONTEXT;
    }
    this.#text += piece;
    const { hold, blocked } = this.#judge(false);
    this.#advance(Math.min(hold, blocked ?? hold));
    return blocked !== undefined;
  }

  /**
   * The text is whole: everything in it is decided, but an end that the next text may continue waits for that, or for
   * {@link settle}. True when something is to be blocked, as with {@link take}.
   */
  close(): boolean {
    const lead = this.#lead;
    const own = this.#contextLength + this.#waiting;
    const { hold } = this.#rules.finder.find(lead, { final: false, json: this.#place !== undefined });
    const { blocked } = this.#judge(true, hold < lead.length - own);
    const waits = Math.min(this.#waiting, lead.length - hold);
    this.#advance(blocked ?? this.#waiting - waits);
    return blocked !== undefined;
  }

  /** What is still looked at of the texts before, and of this one. */
  get #lead(): string {
    return this.#before + this.#text.slice(this.#seen - this.#contextLength);
  }

  get #before(): string {
    return this.#previous === undefined ? '' : this.#previous.#lead;
  }

  /** How many characters wait. */
  get #waiting(): number {
    return this.#text.length - this.#seen;
  }

  /** How many of those that have gone out are looked at once more. */
  get #contextLength(): number {
    return Math.min(this.#base, CONTEXT);
  }

  /**
   * Where in `#text` the end of what has gone out begins: as much as tells whether a word begins behind it. A word that
   * began in there would not have gone out.
   */
  get #edge(): number {
    const first = this.#seen - this.#contextLength;
    let at = this.#seen - 1;
    while (at > first && (kindAt(this.#text, at) === KIND.transparent || this.#inEscape(at))) at--;
    return Math.max(at, first);
  }

  /** Whether an escape of JSON may stand there: which, the backslashes tell together with what stands before them. */
  #inEscape(at: number): boolean {
    if (this.#place === undefined) return false;
    return this.#text.charCodeAt(at) === BACKSLASH || this.#text.charCodeAt(at - 1) === BACKSLASH;
  }

  /** Up to where the pending text is decided, counted from its beginning; and where a block begins. */
  #judge(final: boolean, keepPrevious = false): { hold: number; blocked: number | undefined } {
    const edge = this.#edge;
    const seen = this.#seen - edge;
    const isCut = seen < this.#base;
    const text = this.#text.slice(edge);
    const found = this.#rules.finder.find(text, { final, json: this.#place !== undefined });
    let hold = final ? text.length : Math.max(found.hold, seen);
    let blocked: number | undefined;
    if (this.#previous !== undefined) {
      const across = this.#across(this.#previous, final, keepPrevious);
      if (across === 'blocked') blocked = seen;
      if (across === 'open') hold = seen;
    }
    let { finds } = found;
    let json: JsonText | undefined;
    if (finds.length > 0) {
      json = this.#place?.look(text.slice(seen));
      if (json !== undefined) finds = finds.filter(({ start, end }) => json?.fit(start - seen, end - seen));
      finds = inOrder(withoutAllowed(finds));
    }
    for (const find of finds) {
      if (find.end <= seen || (find.start === 0 && isCut)) continue;
      const start = Math.max(find.start, seen);
      // It may grow, or turn out to be part of something longer: its end is not known before what it touches is.
      if (!final && find.end > hold && text.length - start <= MAX_SPAN) {
        hold = Math.min(hold, start);
        continue;
      }
      const fit = json?.fit(start - seen, find.end - seen);
      const part = fit?.editable === false ? { ...this.part, editable: false } : this.part;
      const decision = this.#rules.decide(find, part, text.slice(find.start, find.end));
      if (decision.kind === 'block') blocked = Math.min(blocked ?? start, start);
      if (decision.kind === 'replace')
        this.#edit(fit?.start ?? start - seen, fit?.end ?? find.end - seen, decision.text);
    }
    return { hold: hold - seen, blocked: blocked === undefined ? undefined : blocked - seen };
  }

  /** Decides what begins in the texts before and ends in this one: they wait until that is known. */
  #across(previous: TextChannel, final: boolean, keepPrevious: boolean): 'none' | 'open' | 'blocked' {
    const { finder, decide, seams } = this.#rules;
    const text = this.#lead;
    const seam = previous.#lead.length;
    const { finds, hold } = finder.find(text, { final, json: this.#place !== undefined });
    const crossing = inOrder(withoutAllowed(finds)).filter(
      ({ start, end }) => start < seam && end > seam && (start > 0 || !previous.#isCut),
    );
    const open = !final && (hold < seam || crossing.some(({ end }) => end > hold));
    for (const find of crossing) {
      const decision = decide(find, this.part, text.slice(find.start, find.end));
      if (decision.kind === 'block' || (decision.kind === 'replace' && seams.size >= MAX_SEAMS)) {
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
    return this.#previous === undefined ? this.#base > CONTEXT : this.#previous.#isCut;
  }

  /** Lets out what lies before a position in the lead. */
  #clearUpTo(at: number): void {
    const from = this.#before.length;
    if (this.#previous !== undefined && at < from) this.#previous.#clearUpTo(at);
    else {
      this.#letPrevious();
      this.#advance(at - from - this.#contextLength);
    }
  }

  /** Replaces a stretch of the lead: the new text stands where the stretch begins. */
  #editLead(start: number, end: number, text: string): void {
    const from = this.#before.length;
    const seen = from + this.#contextLength;
    if (this.#previous !== undefined && start < from) {
      this.#previous.#editLead(start, Math.min(end, from), text);
    }
    if (end <= seen) return;
    const edit = this.#edit(Math.max(0, start - seen), end - seen, start < from ? '' : text);
    if (edit === undefined) return;
    const { seams } = this.#rules;
    const { channel, key } = this.part;
    const id = `${channel} ${key}`;
    seams.set(id, [...(seams.get(id) ?? []), edit]);
  }

  /** Positions count from the first pending character. */
  #edit(from: number, to: number, text: string): Edit | undefined {
    return this.edits.add(this.#base + from, this.#base + to, text);
  }

  #advance(length: number): void {
    if (length <= 0) return;
    this.#place?.read(this.#text.slice(this.#seen, this.#seen + length));
    this.#seen += length;
    this.#base += length;
  }
}

function inOrder(finds: readonly Find[]): readonly Find[] {
  return finds.length < 2 ? finds : [...finds].sort((a, b) => a.start - b.start);
}
