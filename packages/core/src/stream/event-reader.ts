import { PipelineError } from '../errors.ts';
import type { BodyFacts } from './body-facts.ts';
import type { BodySource } from './body.ts';
import type { Wake } from './pull.ts';
import { type Batch, SseDecoder, type SseLimits } from './sse-decoder.ts';
import type { SseEvent } from './sse-event.ts';

/** Reads a stream by events: as many at a time as came together. */
export interface EventReader {
  /** The next events, null at the proper end, or undefined when there are none yet. As {@link BodySource.pull}. */
  pull(wake: Wake): Batch | null | undefined;
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

  pull(wake: Wake): Batch | null | undefined {
    while (!this.#ended) {
      let chunk: Uint8Array | null | undefined;
      try {
        chunk = this.#source.pull(wake);
      } catch (error) {
        return this.#cut(error);
      }
      if (chunk === undefined) return undefined;
      // The body of another response, in which a plugin did it.
      const { terminated } = this.#source;
      if (terminated !== undefined) this.#facts.terminated ??= terminated;
      const batch = this.#take(chunk);
      if (batch !== undefined) return batch;
    }
    return null;
  }

  cancel(reason: unknown): void {
    this.#ended = true;
    this.#facts.givenUp(reason);
    this.#source.cancel(reason);
  }

  /** Once the final event was seen, or the provider has said what is wrong, nothing of value can be lost any more. */
  #cut(error: unknown): null {
    this.#ended = true;
    if (this.#facts.complete || this.#facts.errorEvent !== undefined) return null;
    this.#facts.cut(error);
    throw error;
  }

  #take(chunk: Uint8Array | null): Batch | null | undefined {
    if (chunk === null) return this.#end();
    let batch: Batch | undefined;
    try {
      batch = this.#decoder.push(chunk);
    } catch (error) {
      this.cancel(error);
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
      facts.completed();
    } else if (!facts.complete && rest !== undefined && isWhole(rest)) {
      // Some upstreams forget the blank line after their last event.
      facts.noteEvent(rest);
    }
    if (!facts.complete && facts.errorEvent === undefined) {
      const cut = new PipelineError('stream_cut', {
        cause: new Error('the stream ended without its final event'),
      });
      facts.cut(cut);
      throw cut;
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
  readonly #rest: EventReader;

  constructor(held: Batch[], rest: EventReader) {
    this.#held = held;
    this.#rest = rest;
  }

  pull(wake: Wake): Batch | null | undefined {
    return this.#held.shift() ?? this.#rest.pull(wake);
  }

  cancel(reason: unknown): void {
    this.#held.length = 0;
    this.#rest.cancel(reason);
  }
}

/** Events as bytes again: the bytes they came in where nothing was changed. */
export class EventSource implements BodySource {
  readonly #reader: EventReader;
  readonly #facts: BodyFacts | undefined;

  constructor(reader: EventReader, facts?: BodyFacts) {
    this.#reader = reader;
    this.#facts = facts;
  }

  get terminated(): PipelineError | undefined {
    return this.#facts?.terminated;
  }

  pull(wake: Wake): Uint8Array | null | undefined {
    for (;;) {
      const batch = this.#reader.pull(wake);
      if (batch === null || batch === undefined) return batch;
      const bytes = batchBytes(batch);
      if (bytes.length > 0) return bytes;
    }
  }

  cancel(reason: unknown): void {
    this.#reader.cancel(reason);
  }
}

/** The wire form of a batch. */
export function batchBytes({ events, bytes }: Batch): Uint8Array {
  if (bytes !== undefined) return bytes;
  // One event is its own bytes: no copy.
  const [only] = events;
  if (only !== undefined && events.length === 1) return only.raw;
  return Buffer.concat(events.map((event) => event.raw));
}
