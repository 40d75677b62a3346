import type { Severity } from './words/entry.ts';

/** Something found in a text. */
export interface Find {
  /** Where it begins, in UTF-16 code units. */
  readonly start: number;
  /** Where it ends. */
  readonly end: number;
  /** Which rule found it; holds nothing of the text. */
  readonly rule: string;
  /** What it is about. */
  readonly category: string;
  /** How grave it is. */
  readonly severity: Severity;
  /** An exception: finds within it do not count. */
  readonly allow?: boolean;
  /** What stands in its place where it is redacted. Default: a star for each character. */
  readonly label?: string;
  /** What it was before a placeholder took its place; found in answers, to be put back. */
  readonly restores?: string;
}

/** How a text is to be read. */
export interface Reading {
  /** Nothing follows the text. */
  readonly final: boolean;
  /** The text is a piece of raw JSON. */
  readonly json: boolean;
  /** Where one text ends in it and the next begins: words may begin and end there, whatever stands next to them. */
  readonly seams?: ReadonlySet<number> | undefined;
}

/** How a text is read that is there as a whole. */
export const WHOLE: Reading = { final: true, json: false };

/** What a {@link Finder} says of a text. */
export interface Found {
  /** What was found, in any order. */
  readonly finds: readonly Find[];
  /** From here on the text may still turn out to belong to a find; its length if nothing may. */
  readonly hold: number;
}

/** Looks for something in texts. What it says of a text that goes on must hold whatever follows. */
export interface Finder {
  /** Reads a text. */
  find(text: string, reading: Reading): Found;
}

/** Drops what lies within an exception. */
export function withoutAllowed(finds: readonly Find[]): readonly Find[] {
  if (finds.length === 0 || !finds.some(({ allow }) => allow)) return finds;
  const inOrder = [...finds].sort((a, b) => a.start - b.start);
  const allowed = inOrder.filter(({ allow }) => allow);
  const kept: Find[] = [];
  // One sweep over both: of the exceptions that began so far, the one that goes furthest covers all that any does.
  let next = 0;
  let end = -1;
  for (const find of inOrder) {
    for (; next < allowed.length && (allowed[next] as Find).start <= find.start; next++) {
      end = Math.max(end, (allowed[next] as Find).end);
    }
    if (!find.allow && find.end > end) kept.push(find);
  }
  return kept;
}
