import type { Tree } from '../chain/tree.ts';
import { fromText } from '../chain/chain.ts';
import { isSignedBy, readNote, type Verifier } from '../chain/note.ts';
import type { Findings } from './report.ts';

/** A record of the log's own, parsed. */
export type ControlRecord = Readonly<Record<string, unknown>> & { readonly type: string };

/** What the log's own records say, collected while it is read. */
export class ControlRecords {
  found = 0;
  signed = 0;
  /** Records under the last checkpoint that counts. */
  sealed = 0;
  /** The log was ended in order, as far as read. */
  stopped = false;
  /** Files that the log says it has given up, or that were taken away on purpose. */
  readonly gone: Set<string> = new Set();
  /** Records before this one were taken away on purpose. */
  retiredBefore = 0;
  readonly erasures: ErasureRecord[] = [];
  readonly #verifiers: readonly Verifier[];
  readonly #findings: Findings;
  #origin: string | undefined;

  constructor(verifiers: readonly Verifier[], findings: Findings) {
    this.#verifiers = verifiers;
    this.#findings = findings;
  }

  /** Takes a record; `tree` is that over all records before it. */
  take(record: ControlRecord, tree: Tree | undefined, file: string, offset: number): void {
    // Of what is behind the end of a run, these two say nothing new.
    if (record.type !== 'checkpoint' && record.type !== 'salts') this.stopped = record.type === 'stop';
    switch (record.type) {
      case 'checkpoint':
        this.#checkpoint(record, tree, file, offset);
        break;
      case 'fault':
        this.gone.add(String(record['file']));
        this.#findings.notice(
          `fault ${String(record['code'])} at ${String(record['file'])} on ${String(record['time'])}`,
        );
        break;
      case 'recovered':
        this.gone.add(String(record['file']));
        this.#findings.notice(
          `recovered from a crash on ${String(record['time'])}: ${String(record['bytes'])} torn bytes were cut off ${String(record['file'])}`,
        );
        break;
      case 'gap':
        this.#findings.notice(
          `gap since ${String(record['since'])}: ${String(record['dropped'])} records dropped, ${String(record['refused'])} calls refused`,
        );
        break;
      case 'erased':
        this.erasures.push(record as unknown as ErasureRecord);
        this.#findings.notice(
          `content erased on ${String(record['time'])}: ${JSON.stringify(record['selector'])}`,
        );
        break;
      case 'retired':
        this.retiredBefore = Math.max(this.retiredBefore, Number(record['before']));
        this.#findings.notice(
          `records before ${String(record['before'])} were retired on ${String(record['time'])}`,
        );
        break;
    }
  }

  #checkpoint(record: ControlRecord, tree: Tree | undefined, file: string, offset: number): void {
    this.found++;
    const note = readNote(String(record['note']));
    if (tree === undefined) return;
    const wrong =
      note === undefined ||
      note.size !== tree.size ||
      record['size'] !== tree.size ||
      note.root !== tree.root() ||
      fromText(record['root']) !== note.root;
    if (wrong) {
      this.#findings.problem(file, offset, 'the checkpoint does not fit the records before it');
      return;
    }
    this.#origin ??= note.origin;
    if (note.origin !== this.#origin)
      this.#findings.problem(file, offset, 'the checkpoint is of another log');
    if (this.#verifiers.length === 0) {
      this.sealed = tree.size + 1;
    } else if (isSignedBy(String(record['note']), this.#verifiers)) {
      this.signed++;
      this.sealed = tree.size + 1;
    } else {
      this.#findings.problem(file, offset, 'the checkpoint is not signed by a given key');
    }
  }
}

/** What an erasure covers. */
export interface ErasureRecord {
  /** Which content: of a tenant, of a subject, or of everything that is old. */
  readonly selector: { readonly tenant?: string; readonly subject?: string; readonly all?: true };
  /** Records before this one. */
  readonly before: number;
}
