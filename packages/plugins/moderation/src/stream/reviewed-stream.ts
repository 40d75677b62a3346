import {
  type Clock,
  type Format,
  PipelineError,
  SseEvent,
  type StreamController,
  type StreamEnding,
  type StreamTransformer,
  type TextPart,
} from '@sluice/core';

/** What a {@link ReviewedStream} is made of. */
export interface StreamReview {
  readonly format: Format;
  readonly clock: Clock;
  /** Characters that are judged at a time; `Infinity` holds the stream back until its end. */
  readonly windowChars: number;
  /** Whether texts of a channel are not judged. */
  readonly skips: (channel: TextPart['channel']) => boolean;
  /** Whether a text is to be blocked. */
  readonly judge: (text: string, channel: TextPart['channel']) => Promise<boolean>;
  readonly ending: StreamEnding | undefined;
  readonly refuse: (ending: StreamEnding | undefined) => readonly SseEvent[];
}

/** What has come of one text and is not judged yet. */
interface Unjudged {
  readonly channel: TextPart['channel'];
  readonly text: string;
}

/** Text before a window that is judged with it again. */
const OVERLAP_CHARS = 256;
/** How long nothing is sent while events are held back, before a comment shows that the connection lives. */
const PING_MS = 5_000;
/** Events that are held back, in bytes. A stream that exceeds it is judged early. */
const MAX_HELD_BYTES = 4 * 1024 * 1024;

const COMMENT = new SseEvent(Buffer.from(': held\n\n'));

/** Holds events back until classifiers have judged their text, window by window. */
export class ReviewedStream implements StreamTransformer {
  readonly #with: StreamReview;
  #held: SseEvent[] = [];
  #heldBytes = 0;
  #texts = new Map<string, Unjudged>();
  #length = 0;
  #overlaps = new Map<string, string>();
  #lastSent: number;

  constructor(review: StreamReview) {
    this.#with = review;
    this.#lastSent = review.clock.now();
  }

  transform(event: SseEvent, controller: StreamController): void | Promise<void> {
    const { format, clock, windowChars, skips } = this.#with;
    format.mapEvent(event, ({ channel, key, text, partial }) => {
      if (skips(channel)) return text;
      // What repeats a text as a whole has been judged in pieces.
      if (!partial && channel === 'text' && this.#overlaps.size > 0) return text;
      const id = partial ? `${channel} ${key}` : channel;
      this.#texts.set(id, { channel, text: (this.#texts.get(id)?.text ?? '') + text });
      this.#length += text.length;
      return text;
    });
    this.#held.push(event);
    this.#heldBytes += event.raw.length;
    const kind = format.kind(event);
    const isDue = this.#length >= windowChars || kind === 'terminal' || this.#heldBytes > MAX_HELD_BYTES;
    if (isDue) return this.#review(controller);
    if (this.#length === 0) {
      this.#let(controller);
      return undefined;
    }
    if (clock.now() - this.#lastSent >= PING_MS) {
      controller.enqueue(COMMENT);
      this.#lastSent = clock.now();
    }
    return undefined;
  }

  flush(controller: StreamController): Promise<void> {
    return this.#review(controller);
  }

  async #review(controller: StreamController): Promise<void> {
    const texts = [...this.#texts].map(([id, { channel, text }]) => ({
      id,
      channel,
      text: (this.#overlaps.get(id) ?? '') + text,
    }));
    const judged = await this.#pinging(
      Promise.all(texts.map(({ text, channel }) => this.#with.judge(text, channel))),
      controller,
    );
    if (judged.some(Boolean)) {
      for (const event of this.#with.refuse(this.#with.ending)) controller.enqueue(event);
      controller.terminate(new PipelineError('content_blocked', { plugin: 'moderation' }));
      this.#held = [];
      return;
    }
    for (const { id, text } of texts) this.#overlaps.set(id, text.slice(-OVERLAP_CHARS));
    this.#texts.clear();
    this.#length = 0;
    this.#let(controller);
  }

  /** Shows that the connection lives while classifiers are waited for. */
  async #pinging<T>(work: Promise<T>, controller: StreamController): Promise<T> {
    const { clock } = this.#with;
    const ping = (): void => {
      controller.enqueue(COMMENT);
      this.#lastSent = clock.now();
      timer = clock.setTimeout(ping, PING_MS);
    };
    let timer = clock.setTimeout(ping, Math.max(0, this.#lastSent + PING_MS - clock.now()));
    try {
      return await work;
    } finally {
      clock.clearTimeout(timer);
    }
  }

  #let(controller: StreamController): void {
    for (const event of this.#held) {
      this.#with.ending?.note(event);
      controller.enqueue(event);
    }
    this.#held = [];
    this.#heldBytes = 0;
    this.#lastSent = this.#with.clock.now();
  }
}
