/** How long what is kept. Files are taken away whole, when the youngest record in them is old enough. */
export interface RetentionOptions {
  /**
   * A set of rules that has a say: `cn` keeps records for at least 183 days (网络安全法: six months of network logs).
   * Default: none.
   */
  readonly profile?: 'cn';
  /** Days that records are kept. Default: for ever. */
  readonly recordDays?: number;
  /** Days that salts and content are kept. Default: as long as their records. */
  readonly contentDays?: number;
}

/** Whose content and records must stay: everybody's, or these callers'. */
export type LegalHold = true | readonly HoldSelector[];

/** Whose: both have to fit where both are given. */
export interface HoldSelector {
  /** Of this tenant. */
  readonly tenant?: string;
  /** Of this caller: the principal's id. */
  readonly subject?: string;
}
