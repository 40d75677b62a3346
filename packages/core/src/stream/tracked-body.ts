import { PipelineError } from '../errors.ts';
import type { BodyFacts } from './body-facts.ts';
import type { BodySource } from './body.ts';
import { JsonEnd } from '../json/json-end.ts';
import type { Wake } from './pull.ts';

/** Passes a whole JSON answer on and makes sure that a cut one never looks complete. */
export class JsonSource implements BodySource {
  readonly #source: BodySource;
  readonly #facts: BodyFacts;
  readonly #end = new JsonEnd();
  /** Bytes still to come by `content-length`; NaN when it was not told. */
  #missing: number;

  constructor(source: BodySource, facts: BodyFacts, contentLength: number) {
    this.#source = source;
    this.#facts = facts;
    this.#missing = contentLength;
  }

  pull(wake: Wake): Uint8Array | null | undefined {
    const chunk = pullOf(this.#source, this.#facts, wake);
    if (chunk === undefined) return undefined;
    if (chunk === null) {
      this.#complete();
      return null;
    }
    this.#end.push(chunk);
    this.#facts.noteAnswer(chunk);
    this.#missing -= chunk.length;
    // With content-length relayed, the caller would take the last byte for a proper end: it must not leave.
    if (this.#missing === 0) this.#complete();
    return chunk;
  }

  cancel(reason: unknown): void {
    this.#facts.givenUp(reason);
    this.#source.cancel(reason);
  }

  #complete(): void {
    if (this.#end.whole) {
      this.#facts.completed();
      return;
    }
    const cut = new PipelineError('stream_cut', { cause: new Error('the JSON answer ends in the middle') });
    this.#facts.cut(cut);
    throw cut;
  }
}

/** Answers in memory that were found whole: a cache hands out the same bytes again and again. */
const whole = new WeakSet<Uint8Array>();

/** Passes a JSON answer on that is in memory, and whole: nothing is left to wait for, or to be cut. */
export class WholeSource implements BodySource {
  #bytes: Uint8Array | null;
  readonly #facts: BodyFacts;

  private constructor(bytes: Uint8Array, facts: BodyFacts) {
    this.#bytes = bytes;
    this.#facts = facts;
    facts.content();
  }

  /** Undefined when it is not all there. */
  static of(
    source: BodySource | Uint8Array,
    facts: BodyFacts,
    contentLength: number,
  ): WholeSource | undefined {
    if ('pull' in source || source.length !== contentLength) return undefined;
    if (!whole.has(source)) {
      const end = new JsonEnd();
      end.push(source);
      if (!end.whole) return undefined;
      whole.add(source);
    }
    return new WholeSource(source, facts);
  }

  pull(): Uint8Array | null {
    const bytes = this.#bytes;
    this.#bytes = null;
    if (bytes !== null) {
      this.#facts.noteAnswer(bytes);
      this.#facts.completed();
    }
    return bytes;
  }

  cancel(reason: unknown): void {
    this.#bytes = null;
    this.#facts.givenUp(reason);
  }
}

/** Passes any other body on: an error page, a file, a format nobody knows. Its end is complete. */
export class PlainSource implements BodySource {
  readonly #source: BodySource;
  readonly #facts: BodyFacts;

  constructor(source: BodySource, facts: BodyFacts) {
    this.#source = source;
    this.#facts = facts;
  }

  pull(wake: Wake): Uint8Array | null | undefined {
    const chunk = pullOf(this.#source, this.#facts, wake);
    if (chunk === null) this.#facts.completed();
    else if (chunk !== undefined) this.#facts.content();
    return chunk;
  }

  cancel(reason: unknown): void {
    this.#facts.givenUp(reason);
    this.#source.cancel(reason);
  }
}

function pullOf(source: BodySource, facts: BodyFacts, wake: Wake): Uint8Array | null | undefined {
  try {
    const chunk = source.pull(wake);
    // The body of another response, in which a plugin did it.
    if (source.terminated !== undefined) facts.terminated ??= source.terminated;
    return chunk;
  } catch (error) {
    facts.cut(error);
    throw error;
  }
}
