/** A record on its way into the chain. */
export interface Entry {
  /** The inside of a JSON object, without sequence number and hash. */
  readonly members: string;
  /** What is kept beside the chain, as a JSON object; empty when nothing is. */
  readonly beside: string;
}

/** Records that will be written together. */
export class Group {
  /** Whether a record of somebody's is among them. */
  used = false;
  /** Settles when the group is written: what drain waits for. Never rejects while there is hope. */
  readonly written: Promise<void>;
  /** The same, but rejects as soon as the log is known to be stuck: what calls wait for. */
  readonly accepted: Promise<void>;
  readonly #settle: { resolve(): void; reject(error: Error): void }[] = [];

  constructor() {
    this.written = this.#promise();
    this.accepted = this.#promise();
  }

  succeed(): void {
    for (const { resolve } of this.#settle) resolve();
  }

  /** No call shall wait any longer; the group may still be written. */
  disappoint(error: Error): void {
    this.#settle[1]?.reject(error);
  }

  fail(error: Error): void {
    for (const { reject } of this.#settle) reject(error);
  }

  #promise(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Nobody may be waiting.
    promise.catch(() => undefined);
    this.#settle.push({ resolve, reject });
    return promise;
  }
}

/** About what an entry occupies: characters are bytes, nearly. */
export function sizeOf({ members, beside }: Entry): number {
  return members.length + beside.length + 80;
}
