import { PipelineError } from '../errors.ts';
import type { BodyFacts } from './body-facts.ts';
import type { BodySource } from './body.ts';
import { type Batch, SseDecoder, type SseLimits } from './sse-decoder.ts';
import type { SseEvent } from './sse-event.ts';

/** Reads a stream by events: as many at a time as came together. */
export interface EventReader {
  /** The next events, or null at the proper end. Rejects or throws when the stream is cut. One call at a time. */
  read(): Batch | null | Promise<Batch | null>;
  /** Gives the rest up. Harmless after the end. */
  cancel(reason: unknown): void;
}

/** The one decoder of a response: bytes in, events out, and note taken of what they mean. */
export class DecodingReader implements EventReader {
  readonly #source: BodySource;
  readonly #facts: BodyFacts;
  readonly #decoder: SseDecoder;
  readonly #onEvents: (() => void) | undefined;
  #ended = false;

  /** @param onEvents Called after each batch that held at least one event, for the clocks of the transport. */
  constructor(source: BodySource, facts: BodyFacts, limits: SseLimits, onEvents?: () => void) {
    this.#source = source;
    this.#facts = facts;
    this.#decoder = new SseDecoder(limits);
    this.#onEvents = onEvents;
  }

  read(): Batch | null | Promise<Batch | null> {
    for (;;) {
      if (this.#ended) return null;
      let chunk: Uint8Array | null | Promise<Uint8Array | null>;
      try {
        chunk = this.#source.read();
      } catch (error) {
        return this.#cut(error);
      }
      if (chunk instanceof Promise) return chunk.then(this.#onChunk, this.#cut);
      const batch = this.#take(chunk);
      if (batch !== undefined) return batch;
    }
  }

  cancel(reason: unknown): void {
    this.#ended = true;
    this.#source.cancel(reason);
  }

  // Callbacks made once: an async function would cost another promise and another turn with every event.
  readonly #onChunk = (chunk: Uint8Array | null): Batch | null | Promise<Batch | null> => {
    const batch = this.#take(chunk);
    return batch === undefined ? this.read() : batch;
  };

  /** Once the final event was seen, or the provider has said what is wrong, nothing of value can be lost any more. */
  readonly #cut = (error: unknown): null => {
    this.#ended = true;
    if (this.#facts.complete || this.#facts.errorEvent !== undefined) return null;
    throw error;
  };

  #take(chunk: Uint8Array | null): Batch | null | undefined {
    if (chunk === null) return this.#end();
    let batch: Batch | undefined;
    try {
      batch = this.#decoder.push(chunk);
    } catch (error) {
      this.#source.cancel(error);
      throw error;
    }
    if (batch === undefined) return undefined;
    let alive = false;
    for (const event of batch.events) {
      this.#facts.noteEvent(event);
      alive ||= event.hasData;
    }
    if (alive) this.#onEvents?.();
    return batch;
  }

  #end(): Batch | null {
    this.#ended = true;
    const facts = this.#facts;
    const rest = this.#decoder.rest();
    if (facts.format === undefined) {
      facts.complete = true;
    } else if (!facts.complete && rest !== undefined && isWhole(rest)) {
      // Some upstreams forget the blank line after their last event.
      facts.noteEvent(rest);
    }
    if (!facts.complete && facts.errorEvent === undefined) {
      throw new PipelineError('stream_cut', { cause: new Error('the stream ended without its final event') });
    }
    return rest === undefined ? null : { events: [rest], bytes: rest.raw };
  }
}

/** Whether an event that no blank line ends is all there: a cut one has half its JSON. */
function isWhole(event: SseEvent): boolean {
  return event.data === '[DONE]' || event.json !== undefined;
}

/** Events read ahead, then the rest. */
export class HeldReader implements EventReader {
  readonly #held: Batch[];
  #pending: Promise<Batch | null> | undefined;
  readonly #rest: EventReader;

  /** @param pending A read of `rest` that is still on its way. */
  constructor(held: Batch[], pending: Promise<Batch | null> | undefined, rest: EventReader) {
    this.#held = held;
    this.#pending = pending;
    this.#rest = rest;
    // Its failure is for whoever reads on; until then it must not count as unhandled.
    pending?.catch(() => undefined);
  }

  read(): Batch | null | Promise<Batch | null> {
    const batch = this.#held.shift();
    if (batch !== undefined) return batch;
    const pending = this.#pending;
    if (pending === undefined) return this.#rest.read();
    this.#pending = undefined;
    return pending;
  }

  cancel(reason: unknown): void {
    this.#held.length = 0;
    this.#rest.cancel(reason);
  }
}

/** Events as bytes again: the bytes they came in where nothing was changed. */
export class EventSource implements BodySource {
  readonly #reader: EventReader;

  constructor(reader: EventReader) {
    this.#reader = reader;
  }

  read(): Uint8Array | null | Promise<Uint8Array | null> {
    for (;;) {
      const batch = this.#reader.read();
      if (batch instanceof Promise) return batch.then(this.#onBatch);
      if (batch === null) return null;
      const bytes = batchBytes(batch);
      if (bytes.length > 0) return bytes;
    }
  }

  cancel(reason: unknown): void {
    this.#reader.cancel(reason);
  }

  readonly #onBatch = (batch: Batch | null): Uint8Array | null | Promise<Uint8Array | null> => {
    if (batch === null) return null;
    const bytes = batchBytes(batch);
    return bytes.length > 0 ? bytes : this.read();
  };
}

/** The wire form of a batch. */
export function batchBytes(batch: Batch): Uint8Array {
  return batch.bytes ?? Buffer.concat(batch.events.map((event) => event.raw));
}
