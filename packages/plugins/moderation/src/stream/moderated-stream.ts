import {
  type Format,
  PipelineError,
  type SseEvent,
  type StreamController,
  type StreamEnding,
  type StreamTransformer,
  type TextPart,
} from '@sluice/core';
import type { Find, Finder } from '../finder.ts';
import { type Decision, TextChannel } from './text-channel.ts';

/** What a {@link ModeratedStream} is made of. */
export interface StreamModeration {
  readonly format: Format;
  readonly finder: Finder;
  /** Says what is done about a find, and takes note of it. */
  readonly decide: (find: Find, part: Pick<TextPart, 'channel' | 'editable'>, text: string) => Decision;
  /** Follows what goes out, where a block ends as a message. */
  readonly ending: StreamEnding | undefined;
  /** Ends the stream after a block: legally, in its dialect. */
  readonly refuse: (ending: StreamEnding | undefined) => readonly SseEvent[];
}

/** A piece of a channel that an event brought. */
interface Piece {
  readonly channel: TextChannel;
  readonly start: number;
  readonly text: string;
}

/** An event that waits. */
interface Held {
  readonly event: SseEvent;
  /** In the order in which the format shows them. */
  readonly pieces: readonly Piece[];
}

const NO_PIECES: readonly Piece[] = [];

/**
 * Holds an event back while the text in it may still turn out to be the beginning of a find, and lets it go as it came
 * once it cannot. The order is kept: what follows waits behind it. After a block, what was safe goes out and the
 * stream ends.
 */
export class ModeratedStream implements StreamTransformer {
  readonly #with: StreamModeration;
  readonly #channels = new Map<string, TextChannel>();
  /** The last text that ended, by what kind of text it was. */
  readonly #ended = new Map<string, TextChannel>();
  /** The one among them whose end waits for what follows. */
  #open: TextChannel | undefined;
  #queue: Held[] = [];
  #blocked = false;

  constructor(moderation: StreamModeration) {
    this.#with = moderation;
  }

  transform(event: SseEvent, controller: StreamController): void {
    const { format } = this.#with;
    const held = this.#read(event);
    if (!this.#blocked) {
      const final = format.kind(event) === 'terminal';
      for (const path of final ? [''] : format.endedTexts(event)) this.#end(path);
    }
    this.#queue.push(held);
    this.#release(controller);
    if (this.#blocked) this.#stop(controller);
  }

  flush(controller: StreamController): void {
    this.#end('');
    this.#release(controller);
    if (this.#blocked) this.#stop(controller);
  }

  /** Shows the event's text to its channels. A text that is whole is decided at once. */
  #read(event: SseEvent): Held {
    const { format } = this.#with;
    let pieces: Piece[] | undefined;
    const changed = format.mapEvent(event, (part) => {
      if (this.#blocked) return part.text;
      if (!part.partial) return this.#whole(part);
      const channel = this.#channelOf(part);
      const piece = { channel, start: channel.end, text: part.text };
      if (channel.take(part.text, this.#decideIn(channel))) this.#blocked = true;
      pieces = [...(pieces ?? []), piece];
      return part.text;
    });
    return { event: changed, pieces: pieces ?? NO_PIECES };
  }

  #whole(part: TextPart): string {
    const channel = new TextChannel(part, this.#with.finder);
    if (channel.take(part.text, this.#decideIn(channel)) || channel.close(this.#decideIn(channel))) {
      this.#blocked = true;
      return part.text;
    }
    channel.settle();
    return channel.render(0, part.text);
  }

  #decideIn({ part }: TextChannel): (find: Find, text: string) => Decision {
    return (find, text) => this.#with.decide(find, part, text);
  }

  #channelOf(part: TextPart): TextChannel {
    const id = `${part.channel} ${part.key}`;
    let channel = this.#channels.get(id);
    let before: TextChannel | undefined;
    if (channel === undefined) {
      before = this.#ended.get(part.channel);
      channel = new TextChannel(part, this.#with.finder, before);
      this.#channels.set(id, channel);
    }
    // Readers see the text that comes next right behind it; if that is of another kind, nothing goes on from it.
    if (this.#open !== before) this.#open?.settle();
    this.#open = undefined;
    return channel;
  }

  /** The texts below a path are whole now; all of them, when there is no path. */
  #end(path: string): void {
    for (const [id, channel] of this.#channels) {
      const key = id.slice(id.indexOf(' ') + 1);
      if (path !== '' && key !== path && !key.startsWith(`${path}.`)) continue;
      if (channel.close(this.#decideIn(channel))) {
        this.#blocked = true;
        return;
      }
      this.#open?.settle();
      this.#open = channel.open ? channel : undefined;
      this.#ended.set(channel.part.channel, channel);
      this.#channels.delete(id);
    }
    if (path !== '') return;
    this.#open?.settle();
    this.#open = undefined;
  }

  #release(controller: StreamController): void {
    let done = 0;
    for (const held of this.#queue) {
      if (held.pieces.some(({ channel, start, text }) => channel.clear < start + text.length)) break;
      this.#send(held, controller);
      done++;
    }
    if (done > 0) this.#queue = this.#queue.slice(done);
  }

  #send({ event, pieces }: Held, controller: StreamController): void {
    const { format, ending } = this.#with;
    let out = event;
    if (pieces.length > 0) {
      let next = 0;
      let changed = false;
      const texts = pieces.map(({ channel, start, text }) => {
        const length = Math.max(0, Math.min(text.length, channel.clear - start));
        const rendered = channel.render(start, text.slice(0, length));
        changed ||= rendered !== text;
        return rendered;
      });
      if (changed) out = format.mapEvent(event, (part) => (part.partial ? (texts[next++] ?? '') : part.text));
      for (const { channel, start, text } of pieces) channel.forget(start + text.length);
    }
    ending?.note(out);
    controller.enqueue(out);
  }

  /** Lets out what is safe, up to the first event that is not wholly so, and ends the stream. */
  #stop(controller: StreamController): void {
    const [first] = this.#queue;
    // The rest of the queue comes after the place that was blocked, or waits for something that will not come.
    const safe = first?.pieces.filter(({ channel, start }) => channel.clear > start) ?? NO_PIECES;
    if (
      first !== undefined &&
      safe.length > 0 &&
      first.pieces.every(({ channel }) => channel.part.editable)
    ) {
      this.#send(first, controller);
    }
    this.#queue = [];
    for (const event of this.#with.refuse(this.#with.ending)) controller.enqueue(event);
    controller.terminate(new PipelineError('content_blocked', { plugin: 'moderation' }));
  }
}
