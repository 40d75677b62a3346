import { PipelineError } from '../errors.ts';
import type { BodyFacts } from './body-facts.ts';
import type { BodySource } from './body.ts';
import { JsonEnd } from '../json/json-end.ts';

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

  read(): Uint8Array | null | Promise<Uint8Array | null> {
    const chunk = this.#source.read();
    return chunk instanceof Promise ? chunk.then(this.#take) : this.#take(chunk);
  }

  cancel(reason: unknown): void {
    this.#source.cancel(reason);
  }

  readonly #take = (chunk: Uint8Array | null): Uint8Array | null => {
    if (chunk === null) {
      if (!this.#end.whole) throw cut();
      this.#facts.complete = true;
      return null;
    }
    this.#end.push(chunk);
    this.#facts.noteAnswer(chunk);
    this.#missing -= chunk.length;
    // With content-length relayed, the caller would take the last byte for a proper end: it must not leave.
    if (this.#missing === 0) {
      if (!this.#end.whole) throw cut();
      this.#facts.complete = true;
    }
    return chunk;
  };
}

/** Passes any other body on: an error page, a file, a format nobody knows. Its end is complete. */
export class PlainSource implements BodySource {
  readonly #source: BodySource;
  readonly #facts: BodyFacts;

  constructor(source: BodySource, facts: BodyFacts) {
    this.#source = source;
    this.#facts = facts;
  }

  read(): Uint8Array | null | Promise<Uint8Array | null> {
    const chunk = this.#source.read();
    return chunk instanceof Promise ? chunk.then(this.#take) : this.#take(chunk);
  }

  cancel(reason: unknown): void {
    this.#source.cancel(reason);
  }

  readonly #take = (chunk: Uint8Array | null): Uint8Array | null => {
    if (chunk === null) this.#facts.complete = true;
    else this.#facts.contentSeen = true;
    return chunk;
  };
}

function cut(): PipelineError {
  return new PipelineError('stream_cut', { cause: new Error('the JSON answer ends in the middle') });
}
