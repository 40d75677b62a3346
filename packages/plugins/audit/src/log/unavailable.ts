/** The log cannot take a record now. */
export class LogUnavailable extends Error {
  static {
    this.prototype.name = 'LogUnavailable';
  }

  /** Whether the record waits in the queue, and may be written after all. */
  readonly queued: boolean;

  constructor(queued: boolean) {
    super('the audit log cannot take records now');
    this.queued = queued;
  }
}
