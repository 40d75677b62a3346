/** When callers are suspended, after input that was blocked. */
export interface StrikeOptions {
  /**
   * Blocked calls in a row that suspend.
   *
   * @default 3
   */
  readonly inARow?: number;
  /**
   * Blocked calls within 24 hours that suspend.
   *
   * @default 5
   */
  readonly perDay?: number;
  /**
   * How long a suspension lasts, in milliseconds.
   *
   * @default 86_400_000
   */
  readonly suspendMs?: number;
}
