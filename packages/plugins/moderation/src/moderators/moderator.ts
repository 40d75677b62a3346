import type { Direction } from '../policy.ts';
import type { Severity } from '../words/entry.ts';

/** What a classifier says of a text. */
export interface Judgement {
  /** What the text is about, as the rules name it. */
  readonly category: string;
  /** @default 'high' */
  readonly severity?: Severity;
}

/** What a classifier is asked about. */
export interface Question {
  /** The text. */
  readonly text: string;
  /** Which way it goes. */
  readonly direction: Direction;
  /** Aborts when the answer would come too late. */
  readonly signal: AbortSignal;
}

/** An asynchronous classifier: a moderation endpoint, a service or a function of your own. */
export interface Moderator {
  /** Names it in rules and verdicts, `moderator:name`. */
  readonly name: string;
  /** Judges a text; an empty list finds nothing in it. */
  judge(question: Question): Promise<readonly Judgement[]>;
  /**
   * Which way the texts go that it judges.
   *
   * @default both
   */
  readonly direction?: Direction;
  /**
   * How long it may take, in milliseconds.
   *
   * @default 2_000
   */
  readonly timeoutMs?: number;
  /**
   * Questions under way at a time; others wait, within the timeout.
   *
   * @default 16
   */
  readonly concurrency?: number;
  /**
   * What happens when it fails or is late: `closed` refuses the call, `open` goes on without it.
   *
   * @default 'closed'
   */
  readonly onError?: 'open' | 'closed';
  /**
   * Judgements that are kept, by the hash of their text; 0 keeps none.
   *
   * @default 10_000
   */
  readonly cacheEntries?: number;
}
