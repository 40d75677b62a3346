/** Something that cannot be if nobody has touched the log. */
export interface Problem {
  /** File name in the log's directory; the published checkpoint's, if it contradicts the log. */
  readonly file: string;
  /** Byte in the file where the first bad line begins. */
  readonly offset: number;
  /** What is wrong. */
  readonly what: string;
}

/** What checking a log has found. */
export interface VerifyReport {
  /**
   * `intact`: all is well and the log was ended in order. `open`: all is well as far as it goes, but the end is not
   * sealed: in use, crashed, or cut off. `broken`: there are problems.
   */
  readonly state: 'intact' | 'open' | 'broken';
  /** What is wrong, first things first; 100 at most. */
  readonly problems: readonly Problem[];
  /** What the log tells of itself: crashes that were recovered from, faults of disks, gaps, erasures. */
  readonly notices: readonly string[];
  /** Files that were read. */
  readonly segments: number;
  /** Bytes that were read. */
  readonly bytes: number;
  /** Records that were checked. */
  readonly records: number;
  /** Sequence number of the first record that is left. */
  readonly first: number;
  /** Records behind the last checkpoint with a good signature: only those may have been cut off unseen. */
  readonly unsealed: number;
  /** Checkpoints in the log, and how many have a good signature. */
  readonly checkpoints: { readonly found: number; readonly signed: number };
  /** Published checkpoints that the log agrees with. */
  readonly published: number;
}

const MAX_PROBLEMS = 100;
const MAX_NOTICES = 1_000;

/** Collects a report. */
export class Findings {
  readonly problems: Problem[] = [];
  readonly notices: string[] = [];

  problem(file: string, offset: number, what: string): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push({ file, offset, what });
  }

  notice(text: string): void {
    if (this.notices.length < MAX_NOTICES) this.notices.push(text);
  }
}
