import { type Clock, token, type Token } from '@sluice/core';
import type { ChainState } from '../chain/chain.ts';

/** A run of sealed records, to be written as one. */
export interface AuditBatch {
  /** Whole lines of JSON, in order, as they were hashed. Not to be changed. */
  readonly lines: Uint8Array;
  /** Sequence number of the first record. */
  readonly first: number;
  /** How many records there are. */
  readonly count: number;
  /** Where the chain stood before the first. */
  readonly before: ChainState;
  /** Where it stands behind the last. */
  readonly after: ChainState;
  /** Content that is kept beside the chain and may be erased, a line of JSON each. Often empty. */
  readonly beside: Uint8Array;
  /** What the salts of its digests are derived from, base64url: a secret, without which no digest can be checked. */
  readonly key: string;
}

/** What a sink tells the log while it works. */
export interface SinkEvent {
  /** What happened: becomes a record in the chain, and an alert. */
  readonly type: 'fault' | 'recovered';
  /** Error code or reason, such as `EIO` or `deleted`. */
  readonly code: string;
  /** Facts for the record: names and numbers, nothing of any call. */
  readonly facts: Readonly<Record<string, string | number>>;
}

/** What a sink may use. */
export interface SinkTools {
  /** For all waits. */
  readonly clock: Clock;
  /** Tells the log of something that belongs on record. */
  readonly report: (event: SinkEvent) => void;
}

/** Where sealed records go. */
export interface AuditSink {
  /** For alerts. */
  readonly name: string;
  /** Whether the next batch shall have a key of its own. Default: no. */
  readonly wantsKey?: boolean;
  /** Opens the sink. Returns where the chain stands that it already holds; undefined when it holds none. */
  start?(tools: SinkTools): Promise<ChainState | undefined>;
  /** Told where the chain goes on, after all sinks have started: that of the first sink that holds one. */
  resume?(state: ChainState): Promise<void>;
  /**
   * Takes a batch. Resolves when the batch is as safe as the sink promises; a rejection is tried again with the same
   * batch. Called again only after it has settled.
   */
  write(batch: AuditBatch): Promise<void>;
  /** Makes durable whatever is not yet, and closes. */
  close?(): Promise<void>;
}

/** Which sinks a log writes to; the first that holds a chain says where to go on. */
export type AuditSinks = (files: () => AuditSink) => readonly AuditSink[];

/**
 * The sinks service. Embedded default: the files of the plugin's options, and nothing else. Several at once:
 * `provide(AUDIT_SINKS, () => (files) => [files(), redisStreamSink(redis)])`.
 */
export const AUDIT_SINKS: Token<AuditSinks> = token<AuditSinks>('audit-sinks', {
  create: () => (files) => [files()],
});
