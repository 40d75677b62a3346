import { besideFile } from '../files/names.ts';
import { DIGEST_BYTES, SEAL_BYTES } from '../chain/chain.ts';
import { BesideLines } from './beside-lines.ts';
import { readBeside } from './beside-reader.ts';
import { digestStandsAt, standsAt } from './compare.ts';
import type { ErasureRecord } from './control.ts';
import type { Findings } from './report.ts';

const HEAD = Buffer.from(',"beside":"');
const HASH_CHARS = 43;
/** `,"beside":"` 43 characters `"` */
const BESIDE_BYTES = HEAD.length + HASH_CHARS + 1;

/** Checks content against the records that they belong to. */
export class BesideCheck {
  readonly #directory: string;
  readonly #findings: Findings;
  /** Of the segment at hand, by sequence number. */
  readonly #lines = new BesideLines();
  /** Records whose content is not there, by whose they are. */
  readonly #absent = new Map<string, Absent>();
  readonly #torn: { readonly segment: string; readonly offset: number }[] = [];
  #file = '';

  constructor(directory: string, findings: Findings) {
    this.#directory = directory;
    this.#findings = findings;
  }

  /** Reads what is beside a segment; `until` as far as the segment counts. Returns its bytes. */
  async load(file: string, until: number): Promise<number> {
    this.#file = besideFile(file);
    this.#lines.clear();
    let last = -1;
    const end = await readBeside(this.#directory, file, (seq, digest, offset) => {
      const inOrder = seq > last;
      last = seq;
      if (!inOrder) this.#findings.problem(this.#file, offset, 'this line is out of order');
      else if (seq < until) this.#lines.add(seq, digest, offset);
    });
    if (end === undefined) return 0;
    if (end.torn > 0) this.#torn.push({ segment: file, offset: end.offset });
    return end.offset + end.torn;
  }

  /** Looks whether a record's content is what it says. */
  record(buffer: Buffer, start: number, end: number, seq: number, file: string, offset: number): void {
    if (this.#file === '') return;
    const at = end - SEAL_BYTES - BESIDE_BYTES;
    if (at < start || !standsAt(buffer, at, HEAD)) return;
    const lines = this.#lines;
    const line = lines.take(seq);
    if (line < 0) this.#missing(parse(buffer, start, end), { seq, file, offset });
    else if (!digestStandsAt(buffer, at + HEAD.length, lines.digests, line * DIGEST_BYTES))
      this.#findings.problem(
        this.#file,
        lines.offsetOf(line),
        'this line is not what its record was made over',
      );
  }

  /** The segment is read; `size` is the number of records so far. */
  finish(segment: string, size: number): void {
    for (const { seq, offset } of this.#lines.rest()) {
      // A crash came between these lines and their records: the next start removes them.
      if (seq >= size) {
        this.#torn.push({ segment, offset });
        break;
      }
      this.#findings.problem(this.#file, offset, 'this line belongs to no record');
    }
    this.#lines.clear();
    this.#file = '';
  }

  /** Whatever is absent has to have been erased on record. */
  judge(erasures: readonly ErasureRecord[], mayBeTorn: (segment: string) => boolean): void {
    for (const { segment, offset } of this.#torn) {
      if (mayBeTorn(segment))
        this.#findings.notice(`${besideFile(segment)} ends with lines whose records were not written`);
      else this.#findings.problem(besideFile(segment), offset, 'this line belongs to no record');
    }
    for (const { tenant, subject, last, file, offset } of this.#absent.values()) {
      const covered = erasures.some(
        ({ selector, before }) => last < before && selects(selector, { tenant, subject }),
      );
      if (!covered) this.#findings.problem(file, offset, 'its content is gone, and no erasure is on record');
    }
  }

  #missing({ tenant, principal: subject }: Owned, place: Place): void {
    const key = JSON.stringify([tenant, subject]);
    const known = this.#absent.get(key);
    if (known === undefined) this.#absent.set(key, { ...place, tenant, subject, last: place.seq });
    else known.last = Math.max(known.last, place.seq);
  }
}

/** Whether an erasure was of this caller's content. */
export function selects(
  selector: ErasureRecord['selector'],
  { tenant, subject }: { readonly tenant: string | undefined; readonly subject: string | undefined },
): boolean {
  if (selector.all === true) return true;
  if (selector.tenant === undefined && selector.subject === undefined) return false;
  return (
    (selector.tenant === undefined || selector.tenant === tenant) &&
    (selector.subject === undefined || selector.subject === subject)
  );
}

interface Absent extends Place {
  readonly tenant: string | undefined;
  readonly subject: string | undefined;
  last: number;
}

interface Place {
  readonly seq: number;
  readonly file: string;
  readonly offset: number;
}

interface Owned {
  readonly tenant?: string | undefined;
  readonly principal?: string | undefined;
}

function parse(buffer: Buffer, start: number, end: number): Owned {
  return JSON.parse(buffer.toString('utf8', start, end)) as Owned;
}
