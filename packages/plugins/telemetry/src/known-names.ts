import { VALUE } from './conventions.ts';

/** What a name of a model, a tenant or a rule may look like in an attribute. Anything else may be text or a secret. */
const NAME = /^[\w.:/@+-]{1,128}$/;

/** A name as an attribute of a span, where each may be different; undefined for what is no name. */
export function plainName(name: string | undefined): string | undefined {
  return name !== undefined && NAME.test(name) ? name : undefined;
}

/**
 * Names that stand in metrics, where each one costs series for ever. There are never more than `most`, and callers, who
 * may send what they like, do not get to add one by themselves: it takes somebody who learns it.
 */
export class KnownNames {
  readonly #names: Set<string>;
  readonly #most: number;

  constructor(most: number, names: readonly string[] = []) {
    this.#names = new Set(names);
    this.#most = most;
  }

  /** Tells this name from others from now on, if there is room. */
  learn(name: string | undefined): void {
    if (name === undefined || this.#names.size >= this.#most || this.#names.has(name)) return;
    if (NAME.test(name)) this.#names.add(name);
  }

  /** The name itself if it is known, else the word for all others. */
  of(name: string): string {
    return this.#names.has(name) ? name : VALUE.other;
  }
}
