import type { Signer } from '../chain/note.ts';
import type { LegalHold } from '../retention/retention.ts';

/** When a record counts as written. */
export type Durability = 'sync' | 'interval' | 'os';
/** What happens to a call when the log cannot take its record. */
export type OverflowPolicy = 'block' | 'shed' | 'drop';

/** Something that an operator should know of. */
export interface AuditAlert {
  /** `gap` tells of records that were dropped or refused; the others are named for what happened. */
  readonly type:
    | 'fault'
    | 'recovered'
    | 'write-failed'
    | 'write-resumed'
    | 'gap'
    | 'publish-failed'
    | 'retention-failed';
  /** Which sink or file, and how much. Nothing of any call. */
  readonly facts: Readonly<Record<string, string | number>>;
  /** What went wrong, if an error tells. */
  readonly error?: unknown;
}

/** How a log works. */
export interface LogSettings {
  /** When a record counts as written. */
  readonly durability: Durability;
  /** What happens when the log cannot take a record. */
  readonly onOverflow: OverflowPolicy;
  /** Bytes that wait to be written before `onOverflow` applies. */
  readonly maxQueueBytes: number;
  /** How long a call waits for the log at most. */
  readonly maxBlockMs: number;
  /** Least time between two writes, unless `sync`. */
  readonly writeEveryMs: number;
  /** Put on record at the start, for `sluice-audit erase`; undefined where it is not known. */
  readonly legalHold: LegalHold | undefined;
  /** Which log, in checkpoints. */
  readonly origin: string;
  /** Who signs checkpoints; unsigned without. */
  readonly signer: Signer | undefined;
  /** Records between two checkpoints. */
  readonly checkpointEveryRecords: number;
  /** Time between two checkpoints, if there are new records. */
  readonly checkpointEveryMs: number;
  /** Puts a checkpoint where who holds the log cannot change it. */
  readonly publish: ((note: string) => void | Promise<void>) | undefined;
  /** Told of everything that an operator should know. */
  readonly alert: (alert: AuditAlert) => void;
}
