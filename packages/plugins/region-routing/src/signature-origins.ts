import { hash } from 'node:crypto';

/** Signatures that are remembered; about 150 bytes each. */
const MAX_SIGNATURES = 10_000;

/** Which group of endpoints signed what: a conversation goes on where its thinking was signed. */
export class SignatureOrigins {
  /** By hash, in the order of their last use: the one unused for longest goes first. */
  readonly #groups = new Map<string, string>();

  /** Whether nothing is remembered. */
  get empty(): boolean {
    return this.#groups.size === 0;
  }

  /** Takes note of a signature in an answer. */
  remember(signature: string, group: string): void {
    this.#put(digest(signature), group);
  }

  /** The group that signed the last of these signatures that is known; undefined when none is. */
  groupOf(signatures: readonly string[]): string | undefined {
    for (let i = signatures.length - 1; i >= 0; i--) {
      const key = digest(signatures[i] as string);
      const group = this.#groups.get(key);
      if (group === undefined) continue;
      this.#put(key, group);
      return group;
    }
    return undefined;
  }

  #put(key: string, group: string): void {
    this.#groups.delete(key);
    if (this.#groups.size >= MAX_SIGNATURES) {
      const [oldest] = this.#groups.keys();
      this.#groups.delete(oldest as string);
    }
    this.#groups.set(key, group);
  }
}

/** A hash, because signatures are kilobytes long; a cryptographic one, because whoever calls could forge another. */
function digest(signature: string): string {
  return hash('sha256', signature, 'base64');
}
