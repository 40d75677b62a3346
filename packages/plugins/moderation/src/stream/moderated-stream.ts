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
import { type ChannelRules, type Decision, TextChannel } from './text-channel.ts';

/** What a {@link ModeratedStream} is made of. */
export interface StreamModeration {
  readonly format: Format;
  readonly finder: Finder;
  /** Says what is done about a find, and takes note of it. */
  readonly decide: (
    find: Find,
    part: Pick<TextPart, 'channel' | 'editable' | 'json'>,
    text: string,
  ) => Decision;
  /** Follows what goes out, where a block ends as a message. */
  readonly ending: StreamEnding | undefined;
  /** Ends the stream after a block: legally, in its dialect. */
  readonly refuse: (ending: StreamEnding | undefined) => readonly SseEvent[];
}

/** A text, or a piece of one, that an event brought. */
interface Piece {
  readonly channel: TextChannel;
  readonly start: number;
  readonly text: string;
  /** Whether it is a text as a whole; it may repeat one that came in pieces. */
  readonly whole: boolean;
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
  readonly #rules: ChannelRules;
  readonly #channels = new Map<string, TextChannel>();
  /** The one of them that was written to last: most events go on with it. */
  #last: TextChannel | undefined;
  /** The last text that ended, by what kind of text it was. */
  readonly #ended = new Map<string, TextChannel>();
  /** The one among them whose end waits for what follows. */
  #open: TextChannel | undefined;
  readonly #queue: Held[] = [];
  /** What the event brings that is being read. */
  #pieces: Piece[] | undefined;
  #blocked = false;

  constructor(moderation: StreamModeration) {
    this.#with = moderation;
    const { finder, decide } = moderation;
    this.#rules = { finder, decide, seams: new Map() };
  }

  transform(event: SseEvent, controller: StreamController): void {
    const { format } = this.#with;
    const pieces = this.#read(event);
    if (!this.#blocked) {
      if (format.kind(event) === 'terminal') this.#end('');
      else for (const path of format.endedTexts(event)) this.#end(path);
    }
    this.#queue.push({ event, pieces });
    this.#release(controller);
    if (this.#blocked) this.#stop(controller);
  }

  flush(controller: StreamController): void {
    this.#end('');
    this.#release(controller);
    if (this.#blocked) this.#stop(controller);
  }

  /** Shows the event's text to its channels. A text that is whole is decided at once. */
  #read(event: SseEvent): readonly Piece[] {
    this.#pieces = undefined;
    this.#with.format.mapEvent(event, this.#show);
    return this.#pieces ?? NO_PIECES;
  }

  readonly #show = (part: TextPart): string => {
    const { text } = part;
    if (this.#blocked) return text;
    const whole = part.partial !== true;
    const channel = whole ? new TextChannel(part, this.#rules) : this.#channelOf(part);
    const piece = { channel, start: channel.end, text, whole };
    if (this.#pieces === undefined) this.#pieces = [piece];
    else this.#pieces.push(piece);
    this.#blocked = channel.take(text) || (whole && channel.close());
    if (whole) channel.settle();
    return text;
  };

  #channelOf(part: TextPart): TextChannel {
    const last = this.#last;
    if (last !== undefined && last.part.key === part.key && last.part.channel === part.channel) return last;
    const id = `${part.channel} ${part.key}`;
    let channel = this.#channels.get(id);
    let before: TextChannel | undefined;
    if (channel === undefined) {
      // Each JSON is a text by itself.
      before = part.json === true ? undefined : this.#ended.get(part.channel);
      channel = new TextChannel(part, this.#rules, before);
      this.#channels.set(id, channel);
    }
    // Readers see the text that comes next right behind it; if that is of another kind, nothing goes on from it.
    if (this.#open !== before) this.#open?.settle();
    this.#open = undefined;
    this.#last = channel;
    return channel;
  }

  /** The texts below a path are whole now; all of them, when there is no path. */
  #end(path: string): void {
    this.#last = undefined;
    for (const [id, channel] of this.#channels) {
      const { key } = channel.part;
      if (path !== '' && key !== path && !key.startsWith(`${path}.`)) continue;
      if (channel.close()) {
        this.#blocked = true;
        return;
      }
      this.#open?.settle();
      this.#open = undefined;
      this.#channels.delete(id);
      if (channel.part.json === true) {
        channel.settle();
        continue;
      }
      if (channel.open) this.#open = channel;
      this.#ended.set(channel.part.channel, channel);
    }
    if (path !== '') return;
    this.#open?.settle();
    this.#open = undefined;
  }

  #release(controller: StreamController): void {
    let done = 0;
    for (const held of this.#queue) {
      if (waits(held)) break;
      this.#send(held, controller);
      done++;
    }
    if (done === this.#queue.length) this.#queue.length = 0;
    else if (done === 1) this.#queue.shift();
    else if (done > 0) this.#queue.splice(0, done);
  }

  #send({ event, pieces }: Held, controller: StreamController): void {
    const { format, ending } = this.#with;
    let out = event;
    if (this.#changes(pieces)) {
      let next = 0;
      out = format.mapEvent(event, ({ text }) => {
        const piece = pieces[next++];
        return piece === undefined ? text : rendered(piece);
      });
      for (const { channel, start, text } of pieces) channel.edits.forget(start + text.length);
    }
    ending?.note(out);
    controller.enqueue(out);
  }

  /** Whether an event leaves otherwise than it came. What was masked together with another text is masked in repeats. */
  #changes(pieces: readonly Piece[]): boolean {
    let changes = false;
    for (const { channel, start, text, whole } of pieces) {
      if (whole && this.#rules.seams.size > 0) this.#repeat(channel);
      changes ||= !channel.edits.none || channel.clear < start + text.length;
    }
    return changes;
  }

  #repeat(whole: TextChannel): void {
    const { channel, key } = whole.part;
    for (const [id, edits] of this.#rules.seams) {
      const [kind = '', of = ''] = id.split(' ');
      if (kind === channel && (key === of || key.endsWith(`.${of}`))) whole.edits.insert(edits);
    }
  }

  /** Lets out what is safe, up to the first event that is not wholly so, and ends the stream. */
  #stop(controller: StreamController): void {
    const [first] = this.#queue;
    // The rest of the queue comes after the place that was blocked, or waits for something that will not come.
    const safe = first?.pieces.some(({ channel, start }) => channel.clear > start) === true;
    if (
      first !== undefined &&
      safe &&
      first.pieces.every(({ channel, whole }) => channel.part.editable && !whole)
    ) {
      this.#send(first, controller);
    }
    this.#queue.length = 0;
    for (const event of this.#with.refuse(this.#with.ending)) controller.enqueue(event);
    controller.terminate(new PipelineError('content_blocked', { plugin: 'moderation' }));
  }
}

function waits({ pieces }: Held): boolean {
  for (const { channel, start, text } of pieces) if (channel.clear < start + text.length) return true;
  return false;
}

/** A piece as it may go out: as far as it is decided. */
function rendered({ channel, start, text }: Piece): string {
  return channel.edits.render(start, text.slice(0, Math.max(0, channel.clear - start)));
}
