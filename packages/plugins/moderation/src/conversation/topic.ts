import type { Severity } from '../words/entry.ts';

/** A subject that several messages together are about, though none of them is blocked by itself. */
export interface TopicRule {
  /** Names it in verdicts, `topic:name`. */
  readonly name: string;
  /** Categories of finds that count, whatever is done about the finds themselves. */
  readonly categories: readonly string[];
  /**
   * How many of the caller's messages must hold such a find.
   *
   * @default 3
   */
  readonly messages?: number;
  /**
   * Whether each of the categories must be found, in whatever message.
   *
   * @default false
   */
  readonly every?: boolean;
  /**
   * How many of the caller's last messages are looked at.
   *
   * @default 10
   */
  readonly lastMessages?: number;
  /**
   * What `rules` take it for.
   *
   * @default 'topic'
   */
  readonly category?: string;
  /** @default 'high' */
  readonly severity?: Severity;
}

/** Categories found in one message of the caller. */
export type FoundIn = ReadonlySet<string>;

/** Whether the caller's messages, oldest first, are about a topic. */
export function isAbout(
  { categories, messages = 3, every = false, lastMessages = 10 }: TopicRule,
  found: readonly FoundIn[],
): boolean {
  const window = found.slice(-lastMessages);
  const counting = window.filter((one) => categories.some((category) => one.has(category)));
  if (counting.length < messages) return false;
  return !every || categories.every((category) => counting.some((one) => one.has(category)));
}
