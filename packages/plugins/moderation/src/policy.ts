import type { TextPart } from '@sluice/core';
import type { Find } from './finder.ts';
import { SEVERITIES, type Severity } from './words/entry.ts';

/** What is done about a find. `shadow` tells only the listener; `pass` does nothing. */
export type Action = 'block' | 'redact' | 'flag' | 'shadow' | 'pass';

/** Which way a text goes: to the model, or from it. */
export type Direction = 'input' | 'output';

/** Says what is done about some finds. All that is named must fit. */
export interface ActionRule {
  /** Categories it is about. Default: all. */
  readonly category?: string | readonly string[];
  /** The least severity it is about. Default: all. */
  readonly severity?: Severity;
  /** Default: both. */
  readonly direction?: Direction;
  /** Channels of text it is about, in the words of core's formats. Default: all. */
  readonly channel?: TextPart['channel'] | readonly TextPart['channel'][];
  /** What is done. */
  readonly action: Action;
}

/** A find, and where it was. Holds nothing of the text. */
export interface Finding {
  /** Which rule found it. */
  readonly rule: string;
  /** What it is about. */
  readonly category: string;
  /** How grave it is. */
  readonly severity: Severity;
  /** Which way the text went. */
  readonly direction: Direction;
  /** What kind of text it was. */
  readonly channel: TextPart['channel'];
  /** What is done about it. */
  readonly action: Action;
}

/** Category of what detectors of personal data find. */
export const PERSONAL_DATA = 'personal-data';

const LAST: readonly ActionRule[] = [{ category: PERSONAL_DATA, action: 'redact' }, { action: 'block' }];

function includes<T>(one: T | readonly T[] | undefined, value: T): boolean {
  if (one === undefined) return true;
  return Array.isArray(one) ? one.includes(value) : one === value;
}

/** Decides by the first rule that fits; without one, personal data is redacted and everything else blocked. */
export function decide(
  rules: readonly ActionRule[],
  { rule, category, severity }: Find,
  direction: Direction,
  { channel, editable }: Pick<TextPart, 'channel' | 'editable'>,
): Finding {
  const fitting = [...rules, ...LAST].find(
    (one) =>
      includes(one.category, category) &&
      (one.direction === undefined || one.direction === direction) &&
      includes(one.channel, channel) &&
      SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(one.severity ?? 'low'),
  );
  const action = fitting?.action ?? 'block';
  // Signed thinking and names must stay as they are: a provider rejects a conversation in which they changed.
  const possible = action === 'redact' && !editable ? 'flag' : action;
  return { rule, category, severity, direction, channel, action: possible };
}

/** What takes the place of a find. */
export function maskOf({ label }: Find, text: string): string {
  return label ?? '*'.repeat(Array.from(text).length);
}
