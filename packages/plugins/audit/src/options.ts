import type { KeyObject } from 'node:crypto';
import type { Context, Outcome } from '@sluice/core';
import type { ContentKey } from './content/encrypt.ts';
import type { ContentOptions } from './content/policy.ts';
import type { AuditAlert, Durability, OverflowPolicy } from './log/settings.ts';
import type { LegalHold, RetentionOptions } from './retention/retention.ts';

/** Checkpoints: who signs them, how often, and where else they go. */
export interface CheckpointOptions {
  /** Ed25519 private key, as a `KeyObject` or PEM text. Default: none, and checkpoints are not signed. */
  readonly signingKey?: KeyObject | string;
  /**
   * Name of the key in checkpoints.
   *
   * @default 'sluice-audit'
   */
  readonly keyName?: string;
  /**
   * Which log a checkpoint is of. One line, unique to the log. Default: `sluice-audit/` and the option `log`.
   */
  readonly origin?: string;
  /**
   * Records between two checkpoints.
   *
   * @default 10_000
   */
  readonly everyRecords?: number;
  /**
   * Time between two checkpoints, in milliseconds, while there are new records.
   *
   * @default 60_000
   */
  readonly everyMs?: number;
  /**
   * Puts a checkpoint into a second place: one that who can write the log cannot. Only that shows a cut end or a log
   * written anew. Default: none.
   */
  readonly publish?: (note: string) => void | Promise<void>;
}

/** Options of `audit`. */
export interface AuditOptions {
  /**
   * Where the log's files are; made when it is not there.
   *
   * @default './audit'
   */
  readonly directory?: string;
  /**
   * Name of the log in its directory. One process writes a log: give each of several a name of its own.
   *
   * @default 'audit'
   */
  readonly log?: string;
  /**
   * When a record counts as written. `sync`: when the disk has it (fdatasync, shared by all calls that wait). `interval`:
   * when it is queued; the file is written within `writeEveryMs` and synced within `syncEveryMs`. `os`: the same without
   * syncs.
   *
   * @default 'interval'
   */
  readonly durability?: Durability;
  /**
   * What happens to a call whose record the log cannot take. `block`: it waits, `maxBlockMs` at most, and is refused.
   * `shed`: it is refused at once. `drop`: it goes on, and the chain says how many records are missing.
   *
   * @default 'block'
   */
  readonly onOverflow?: OverflowPolicy;
  /**
   * Bytes of records that may wait to be written.
   *
   * @default 16_777_216
   */
  readonly maxQueueBytes?: number;
  /**
   * How long a call waits for the log at most, in milliseconds.
   *
   * @default 2_000
   */
  readonly maxBlockMs?: number;
  /**
   * Least time between two writes, in milliseconds, unless `sync`: what a crash of the process costs at most.
   *
   * @default 20
   */
  readonly writeEveryMs?: number;
  /**
   * Longest time that a written record is not synced, in milliseconds, with `interval`: what a power cut costs at most.
   *
   * @default 1_000
   */
  readonly syncEveryMs?: number;
  /**
   * A file that has grown to so many bytes is followed by another.
   *
   * @default 67_108_864
   */
  readonly rotateBytes?: number;
  /**
   * A file that is so old is followed by another, in milliseconds.
   *
   * @default 86_400_000
   */
  readonly rotateMs?: number;
  /** Checkpoints. Default: not signed, not published. */
  readonly checkpoints?: CheckpointOptions;
  /** What is kept of content. Default: salted digests, both ways. */
  readonly content?: ContentOptions;
  /** With what content is encrypted. Default: nothing, content stands in clear beside the chain. */
  readonly contentKey?: ContentKey;
  /**
   * Bytes of each way of a call that are kept, with `full`, 4 MiB at most. With `redacted`, a body that is longer, or has
   * a longer shape, is kept as its length and a hash.
   *
   * @default 262_144
   */
  readonly maxContentBytes?: number;
  /** Request headers that are recorded, lower-case. No other header ever is. Default: none. */
  readonly headers?: readonly string[];
  /**
   * Adds to the record of an outcome: what it cost, the id of a label. No text of the call. What it throws costs the
   * notes, and nothing else. Default: nothing.
   */
  readonly annotate?: (
    outcome: Outcome,
    ctx: Context,
  ) => Readonly<Record<string, string | number | boolean>> | undefined;
  /** How long what is kept. Default: for ever. */
  readonly retention?: RetentionOptions;
  /**
   * What must not be erased or retired, whatever its age. It is put on record at the start, so that `sluice-audit erase`
   * obeys it when no process writes the log. Default: nothing.
   */
  readonly legalHold?: LegalHold;
  /** Told of faults, gaps and recoveries. What it throws is a warning of the process. Default: `process.emitWarning`. */
  readonly onAlert?: (alert: AuditAlert) => void;
}
