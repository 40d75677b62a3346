import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type ChainState, GENESIS, newChain, SEAL_BYTES } from '../chain/chain.ts';
import type { Verifier } from '../chain/note.ts';
import type { Digest } from '../chain/tree.ts';
import { firstLine } from '../files/first-line.ts';
import { readHeader, type SegmentHeader } from '../files/header.ts';
import { listSegments, type SegmentName } from '../files/names.ts';
import { BesideCheck } from './beside-check.ts';
import { ChainReader, type LineProblem } from './chain-reader.ts';
import { type ControlRecord, ControlRecords } from './control.ts';
import { readLines } from './line-reader.ts';
import { noLog } from './no-log.ts';
import { Published } from './published.ts';
import { SaltsCheck } from './salts-check.ts';
import { Findings, type VerifyReport } from './report.ts';

/** What to check a log against. */
export interface VerifyOptions {
  /** Where the log's files are. */
  readonly directory: string;
  /** Which log. Default: `audit`. */
  readonly log?: string;
  /** Keys of which one has to have signed each checkpoint. Default: signatures are not looked at. */
  readonly verifiers?: readonly Verifier[];
  /** Checkpoints that were published: the log has to agree with them, and to be no shorter. */
  readonly published?: readonly string[];
  /** Also check salts and content. Default: true. */
  readonly beside?: boolean;
  /** Told now and then how many bytes have been read. */
  readonly onProgress?: (bytes: number) => void;
}

const PROBLEMS: Readonly<Record<LineProblem, string>> = {
  'no-record': 'this line is no record',
  'wrong-seq': 'records are missing, doubled or out of order here',
  'wrong-hash': 'this record, or one between it and the record before, is not what was written',
};

const TYPE_HEAD = ',"type":"';

/** Checks a whole log, in one pass and bounded memory. */
export async function verifyLog(options: VerifyOptions): Promise<VerifyReport> {
  return new Verification(options).run();
}

/** What is read of a segment before anything is checked. */
interface Listed extends SegmentName {
  readonly header: SegmentHeader | undefined;
}

class Verification {
  readonly #options: VerifyOptions;
  readonly #findings = new Findings();
  readonly #control: ControlRecords;
  readonly #published: Published;
  readonly #beside: BesideCheck;
  readonly #salts: SaltsCheck;
  #reader: ChainReader | undefined;
  /** Hashes of records that a given-up file has and the next one repeats. */
  readonly #repeated = new Map<number, Digest>();
  #bytes = 0;
  #records = 0;
  #first = 0;

  constructor(options: VerifyOptions) {
    this.#options = options;
    const verifiers = options.verifiers ?? [];
    this.#control = new ControlRecords(verifiers, this.#findings);
    this.#published = new Published(options.published ?? [], verifiers, this.#findings);
    this.#beside = new BesideCheck(options.directory, this.#findings);
    this.#salts = new SaltsCheck(options.directory, this.#findings);
  }

  async run(): Promise<VerifyReport> {
    const { directory, log = 'audit' } = this.#options;
    const listed: Listed[] = [];
    let unborn = false;
    const names = await listSegments(directory, log);
    for (const name of names) {
      const header = await headerOf(join(directory, name.file), log);
      unborn = header === 'torn' && name === names.at(-1);
      // A crash came before the first line was whole: the next start puts it aside.
      if (unborn) this.#findings.notice(`${name.file} ends before its first line is whole`);
      else listed.push({ ...name, header: header === 'torn' ? undefined : header });
    }
    if (names.length === 0) throw await noLog(directory, log);
    for (const [index, segment] of listed.entries()) {
      await this.#segment(segment, listed[index - 1], listed[index + 1]?.header);
    }
    this.#judge(listed);
    const { problems, notices } = this.#findings;
    const size = this.#reader?.size ?? 0;
    const { stopped, sealed, found, signed } = this.#control;
    const ended = stopped && sealed === size && !unborn;
    return {
      state: problems.length > 0 ? 'broken' : ended ? 'intact' : 'open',
      problems,
      notices,
      segments: listed.length,
      bytes: this.#bytes,
      records: this.#records,
      first: this.#first,
      unsealed: size - sealed,
      checkpoints: { found, signed },
      published: this.#published.agreed,
    };
  }

  async #segment(
    segment: Listed,
    before: Listed | undefined,
    next: SegmentHeader | undefined,
  ): Promise<void> {
    const { file, header } = segment;
    if (header === undefined) {
      this.#findings.problem(file, 0, 'the first line is not the header that was written');
      // Whatever it follows.
      this.#reader ??= ChainReader.from(newChain());
    } else {
      this.#link(file, header, before);
    }
    const handle = await open(join(this.#options.directory, file), 'r');
    try {
      // Where the next file says it goes on; what this one has beyond that was given up.
      const until = next?.state.tree.size ?? Infinity;
      let headerSeen = false;
      const superseded = { from: -1, reader: undefined as ChainReader | undefined };
      if (this.#options.beside !== false) this.#bytes += await this.#beside.load(file, until);
      const first = this.#reader?.size ?? 0;
      let told = this.#bytes;
      const base = this.#bytes;
      const { offset, torn } = await readLines(handle, 0, (buffer, start, end, at) => {
        if (!headerSeen) {
          headerSeen = true;
          return undefined;
        }
        const reader = this.#reader as ChainReader;
        if (reader.size >= until) {
          if (superseded.from < 0) superseded.from = at;
          superseded.reader ??= new ChainReader({ head: reader.head, size: reader.size, tree: undefined });
          const problem = superseded.reader.next(buffer, start, end);
          if (problem === undefined) this.#repeated.set(superseded.reader.size - 1, superseded.reader.head);
          else this.#findings.problem(file, at, PROBLEMS[problem]);
          return undefined;
        }
        this.#line(reader, buffer, start, end, file, at);
        if (base + at - told > 16 << 20) {
          told = base + at;
          this.#options.onProgress?.(told);
        }
        return undefined;
      });
      this.#bytes = base + offset + torn;
      if (this.#options.beside !== false && (this.#reader?.size ?? 0) > first)
        this.#bytes += await this.#salts.segment(file);
      if (torn > 0) this.#torn(file, offset, torn, next);
      if (superseded.from >= 0 && !isRepeated(next, this.#reader)) {
        this.#findings.problem(file, superseded.from, 'there is more here than the next file knows of');
      }
      if (superseded.from >= 0 || (torn > 0 && next !== undefined))
        this.#givenUp.set(file, superseded.from < 0 ? offset : superseded.from);
    } finally {
      await handle.close();
    }
    this.#beside.finish(file, this.#reader?.size ?? 0);
  }

  readonly #givenUp = new Map<string, number>();

  /** A segment has to go on where the one before it ended. */
  #link(file: string, header: SegmentHeader, before: Listed | undefined): void {
    const { state, after } = header;
    const reader = this.#reader;
    if (reader === undefined) {
      this.#reader = ChainReader.from(state);
      this.#first = state.tree.size;
      this.#control.sealed = 0;
      if (state.tree.size === 0 && state.head !== GENESIS)
        this.#findings.problem(file, 0, 'the log does not begin as logs begin');
      return;
    }
    if (state.tree.size !== reader.size) {
      this.#findings.problem(file, 0, 'records between this file and the one before are missing');
    } else if (
      state.head !== reader.head ||
      (reader.tree?.root() ?? state.tree.root()) !== state.tree.root()
    ) {
      this.#findings.problem(file, 0, 'this file does not go on where the one before ended');
    }
    if (after !== before?.file && after !== null) this.#named.set(after, file);
    if (sameState(state, reader)) return;
    // To find what else is bad, as if the header were right.
    this.#reader = new ChainReader({ head: state.head, size: state.tree.size, tree: undefined });
  }

  readonly #named = new Map<string, string>();

  #line(reader: ChainReader, buffer: Buffer, start: number, end: number, file: string, at: number): void {
    this.#published.at(reader.size, reader.tree);
    const control = isControl(buffer, start, end);
    const treeBefore = control ? reader.tree?.copy() : undefined;
    const problem = reader.next(buffer, start, end);
    this.#records++;
    if (problem !== undefined) {
      this.#findings.problem(file, at, PROBLEMS[problem]);
      reader.resume(buffer, start, end);
      return;
    }
    const seq = reader.size - 1;
    if (this.#repeated.size > 0) {
      const other = this.#repeated.get(seq);
      this.#repeated.delete(seq);
      if (other !== undefined && other !== reader.head)
        this.#findings.problem(file, at, 'this record was written in two ways');
    }
    if (control) {
      const record = parse(buffer, start, end);
      this.#control.take(record, treeBefore, file, at);
      if (record.type === 'salts') this.#salts.record(record);
      return;
    }
    this.#control.stopped = false;
    this.#beside.record(buffer, start, end, seq, file, at);
  }

  #torn(file: string, offset: number, bytes: number, next: SegmentHeader | undefined): void {
    if (next !== undefined) return;
    if (this.#control.stopped) {
      this.#findings.problem(file, offset, 'there is something behind the end of the log');
    } else {
      this.#findings.notice(`${file} ends with ${bytes} bytes of an unfinished record`);
    }
  }

  /** What can be said only when everything has been read. */
  #judge(listed: readonly Listed[]): void {
    const { retiredBefore, gone, erasures } = this.#control;
    const [first] = listed;
    if (first !== undefined && this.#first > retiredBefore)
      this.#findings.problem(first.file, 0, `the records before ${this.#first} are missing`);
    for (const [file, offset] of this.#givenUp) {
      if (!gone.has(file))
        this.#findings.problem(file, offset, 'this file ends in a way that the log knows nothing of');
    }
    for (const [missing, file] of this.#named) {
      if (!gone.has(missing)) this.#findings.problem(file, 0, `the file before it, ${missing}, is missing`);
    }
    const last = listed.at(-1)?.file;
    const mayBeTorn = (file: string): boolean => gone.has(file) || (file === last && !this.#control.stopped);
    this.#beside.judge(erasures, mayBeTorn);
    this.#salts.judge(mayBeTorn);
    if (this.#reader !== undefined) this.#published.finish(this.#reader.size, this.#reader.tree, this.#first);
    this.#findings.problems.sort(
      (a, b) => order(listed, a.file) - order(listed, b.file) || a.offset - b.offset,
    );
  }
}

function order(listed: readonly Listed[], file: string): number {
  const index = listed.findIndex((one) => one.file === file);
  return index < 0 ? listed.length : index;
}

function isRepeated(next: SegmentHeader | undefined, reader: ChainReader | undefined): boolean {
  return next !== undefined && reader !== undefined && sameState(next.state, reader);
}

function sameState(state: ChainState, reader: ChainReader): boolean {
  return state.head === reader.head && state.tree.size === reader.size;
}

async function headerOf(path: string, log: string): Promise<SegmentHeader | 'torn' | undefined> {
  const line = await firstLine(path);
  if (line === undefined) return 'torn';
  const header = readHeader(line);
  return header?.log === log ? header : undefined;
}

/** Types that begin with another letter than `intent` and `outcome` are the log's own, and parsed. */
function isControl(buffer: Buffer, start: number, end: number): boolean {
  let at = start;
  while (at < end && buffer[at] !== COMMA) at++;
  const letter = buffer[at + TYPE_HEAD.length];
  return at < end && letter !== LETTER_I && letter !== LETTER_O;
}

function parse(buffer: Buffer, start: number, end: number): ControlRecord {
  return JSON.parse(`${buffer.toString('utf8', start, end - SEAL_BYTES)}}`) as ControlRecord;
}

const COMMA = 44;
const LETTER_I = 105;
const LETTER_O = 111;
