import { saltsFile } from '../files/names.ts';
import { saltsBytes, saltsDigest } from '../files/salts-file.ts';
import type { ControlRecord } from './control.ts';
import type { Findings } from './report.ts';

interface Checked {
  readonly segment: string;
  /** Digest of the file that is there. */
  readonly found: string | undefined;
  /** What the log says of it. */
  readonly said: string | undefined;
  /** Whether it says so in the segment itself. */
  readonly saidHere: boolean;
}

/** Checks keys and salts against the records that vouch for them. */
export class SaltsCheck {
  readonly #directory: string;
  readonly #findings: Findings;
  readonly #checked: Checked[] = [];
  /** What took a key's place when something was erased, by segment. */
  readonly #replaced = new Map<string, Set<string>>();
  #said: string | undefined;
  #saidHere = false;

  constructor(directory: string, findings: Findings) {
    this.#directory = directory;
    this.#findings = findings;
  }

  /** Takes what the log says: of the segment at hand, or of one from which something was erased. */
  record(record: ControlRecord): void {
    const digest = String(record['digest']);
    const file = record['file'];
    if (typeof file === 'string') {
      this.#replaced.set(file, (this.#replaced.get(file) ?? new Set()).add(digest));
      return;
    }
    this.#said = digest;
    this.#saidHere = true;
  }

  /** A segment is read. A file that took the place of a failed one goes on with its key. Returns the bytes of its salts. */
  async segment(segment: string): Promise<number> {
    const bytes = await saltsBytes(this.#directory, segment);
    const found = bytes === undefined ? undefined : saltsDigest(bytes);
    this.#checked.push({ segment, found, said: this.#said, saidHere: this.#saidHere });
    this.#saidHere = false;
    return bytes?.length ?? 0;
  }

  /** Each file has to be one that the log vouches for. */
  judge(mayBeTorn: (segment: string) => boolean): void {
    for (const { segment, found, said, saidHere } of this.#checked) {
      if (found !== undefined && (found === said || this.#replaced.get(segment)?.has(found) === true))
        continue;
      // The record may have been lost in a crash, or retired with the file that failed.
      if (!saidHere && (said === undefined || mayBeTorn(segment)))
        this.#findings.notice(`nothing vouches for ${saltsFile(segment)}`);
      else
        this.#findings.problem(
          saltsFile(segment),
          0,
          found === undefined
            ? 'the salts are gone, and no erasure is on record'
            : 'these are not the salts that the log was written with',
        );
    }
  }
}
