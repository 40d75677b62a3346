/** How grave a find is. */
export type Severity = 'low' | 'medium' | 'high';

/** One word or phrase of a list. */
export interface WordEntry {
  /** The word. Case, width, marks, traditional forms and look-alikes do not matter. */
  readonly text: string;
  /**
   * What it is about: one of `CATEGORIES`, or a name of your own.
   *
   * @default 'custom'
   */
  readonly category?: string;
  /** @default 'high' */
  readonly severity?: Severity;
  /**
   * An exception: what lies within this word is no find.
   *
   * @default false
   */
  readonly allow?: boolean;
  /**
   * Whether an edge that is a letter of Latin, Cyrillic and the like must be the edge of a word in the text.
   *
   * @default true
   */
  readonly whole?: boolean;
  /**
   * Find a short Chinese word in pinyin too, whole or in part; one with more than 256 spellings is left as it is.
   *
   * @default false
   */
  readonly pinyin?: boolean;
}

/** Grades of severity, ascending. */
export const SEVERITIES: readonly Severity[] = ['low', 'medium', 'high'];

/** Bits of what a compiled entry asks for. */
export const ENTRY = { allow: 1, leftEdge: 2, rightEdge: 4, letters: 8, latin: 16 } as const;
/** Bits of what is known of a node of the automaton. */
export const NODE = {
  /** Some word through this node may begin within a word of the text. */
  freeLeft: 1,
  /** Some word through this node has a separator of its own after it. */
  gapAfter: 2,
} as const;

/** Longest word, in folded characters. */
export const MAX_WORD_LENGTH = 64;
/** Longest stretch of text that one find may cover, in UTF-16 code units: the most that a stream ever holds back. */
export const MAX_SPAN = 256;

/** A list of words, ready to be run. Plain data: made in a worker, it is handed over without a copy. */
export interface CompiledWords {
  /** By code unit of the text: 0 passed over, 1 looked at closely, 2 in no word, 3 and more the letters of words. */
  readonly table: Uint16Array;
  /** The same, with digits and signs that stand in for letters. */
  readonly leetTable: Uint16Array;
  /** By folded unit: 2 or its letter. */
  readonly alphabet: Uint16Array;
  /** The double array. */
  readonly base: Int32Array;
  readonly check: Int32Array;
  readonly fail: Int32Array;
  /** By node: the nearest node on its chain of failures, itself included, that ends a word; 0: none. */
  readonly hit: Int32Array;
  /** By node: the entry that ends here, or -1. */
  readonly entry: Int32Array;
  readonly depth: Uint8Array;
  readonly node: Uint8Array;
  readonly flags: Uint8Array;
  readonly severity: Uint8Array;
  readonly category: Uint16Array;
  readonly categories: readonly string[];
  /** Entries taken, by category. */
  readonly counts: Readonly<Record<string, number>>;
  /** Entries left out, with the reason: at most a hundred of them. */
  readonly problems: readonly string[];
  /** Whether some entry is an exception. */
  readonly hasAllowed: boolean;
}
