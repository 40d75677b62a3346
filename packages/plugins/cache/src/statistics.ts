/** What has happened so far in one process; counters only rise. */
export interface CacheStatistics {
  /** Calls answered from the store, fresh. */
  hits: number;
  /** Calls answered with something stored that was no longer fresh. */
  stale: number;
  /** Calls that asked the upstream. */
  misses: number;
  /** Calls that shared another call's request upstream. */
  collapsed: number;
  /** Calls that took no part. */
  bypassed: number;
  /** Answers that a store has taken. */
  stored: number;
  /** Answers that were not given to the store, because it is away or too many others are on their way. */
  dropped: number;
  /** Requests to the store that failed or took too long. */
  storeFailures: number;
  /** Entries that stood under a key that is not theirs. Other than 0, somebody writes to the store who should not. */
  foreignEntries: number;
}

/** All zero. */
export function noStatistics(): CacheStatistics {
  return {
    hits: 0,
    stale: 0,
    misses: 0,
    collapsed: 0,
    bypassed: 0,
    stored: 0,
    dropped: 0,
    storeFailures: 0,
    foreignEntries: 0,
  };
}
