import { inspect } from 'node:util';

const HIDDEN = '[secret]';

/** A text that nothing shows by accident: no log, template, `inspect`, JSON, copy or error. */
export class Secret {
  static {
    // Not as a method: its name cannot be declared without inferring it.
    Object.defineProperty(this.prototype, inspect.custom, { value: () => HIDDEN });
  }

  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself. Where this is called is where a secret can leak. */
  reveal(): string {
    return this.#text;
  }

  /** Not the text. */
  toString(): string {
    return HIDDEN;
  }

  /** Not the text. */
  toJSON(): string {
    return HIDDEN;
  }

  [Symbol.toPrimitive](): string {
    return HIDDEN;
  }
}
