import type { Unsalted } from '../chain/salts.ts';

/** A record on its way into the chain. */
export interface Entry {
  /** The inside of a JSON object, without sequence number and hash. */
  readonly members: string;
  /** Digests in it that are salted when it gets its place in the chain. Default: none. */
  readonly digests?: readonly Unsalted[];
  /** What is kept beside the chain, as a JSON object; empty when nothing is. */
  readonly beside: string;
}

/** About what an entry occupies: characters are bytes, nearly. */
export function sizeOf({ members, beside }: Entry): number {
  return members.length + beside.length + 80;
}

/** Those who wait for the records that will be written together. */
export class Group {
  /** Whether a record is among them. */
  used = false;
  /** Whether a call waits for it. */
  urgent = false;
  readonly #written = deferred();
  #accepted = deferred();

  /** Settles when the records are written: what drain waits for. Never rejects while there is hope. */
  get written(): Promise<void> {
    return this.#written.promise;
  }

  /** The same, but rejects as soon as the log is known to be stuck: what calls wait for. */
  get accepted(): Promise<void> {
    return this.#accepted.promise;
  }

  /** The records are written. */
  succeed(): void {
    this.#written.resolve();
    this.#accepted.resolve();
  }

  /** No call shall wait any longer; the records may still be written. Who comes from now on may hope again. */
  disappoint(error: Error): void {
    this.#accepted.reject(error);
    this.#accepted = deferred();
  }

  /** The records will never be written. */
  fail(error: Error): void {
    this.#written.reject(error);
    this.#accepted.reject(error);
  }
}

function deferred(): PromiseWithResolvers<void> {
  const made = Promise.withResolvers<void>();
  // Nobody may be waiting.
  made.promise.catch(() => undefined);
  return made;
}
