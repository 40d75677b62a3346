import { hash } from 'node:crypto';

/** Texts shorter than this are judged again sooner than they are hashed. */
const WORTH_HASHING = 2_048;

/**
 * What was found in whole texts, by their hash: a conversation sends all its messages again with each turn. The oldest
 * entries go first; a text itself is never kept.
 */
export class TextCache<T> {
  readonly #max: number;
  readonly #minLength: number;
  readonly #values = new Map<string, T>();

  constructor(max: number, minLength: number = WORTH_HASHING) {
    this.#max = max;
    this.#minLength = minLength;
  }

  /** The key of a text; undefined when looking it up would cost more than it saves. */
  key(text: string, salt = ''): string | undefined {
    if (this.#max === 0 || text.length < this.#minLength) return undefined;
    return hash('sha256', `${salt}\0${text}`, 'base64');
  }

  get(key: string | undefined): T | undefined {
    return key === undefined ? undefined : this.#values.get(key);
  }

  set(key: string | undefined, value: T): void {
    if (key === undefined) return;
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size <= this.#max) return;
    for (const oldest of this.#values.keys()) {
      this.#values.delete(oldest);
      break;
    }
  }

  clear(): void {
    this.#values.clear();
  }
}
