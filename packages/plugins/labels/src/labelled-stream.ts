import type { Format, SseEvent, StreamController, StreamTransformer } from '@sluice/core';
import { groupOf, placeOf } from './places.ts';

/** What is known of the texts of one choice. */
interface Group {
  /** The place that carries the label, once that is decided. */
  labelled: string | undefined;
  /** The last event with a piece of its text, while its label may have to stand there, and the text's place. */
  last: SseEvent | undefined;
  place: string;
}

/**
 * Labels a stream by changing one event: the first with text, or the last. So that it is known as the last, an event
 * with text waits for the next one.
 */
export class LabelledStream implements StreamTransformer {
  readonly #format: Format;
  readonly #position: 'prefix' | 'suffix';
  readonly #label: string;
  readonly #groups = new Map<string, Group>();
  /** Events whose text the label stands in. */
  readonly #marked = new Set<SseEvent>();
  #queue: SseEvent[] = [];
  #before: readonly SseEvent[];

  /** @param before Events to send before the first one. */
  constructor(format: Format, position: 'prefix' | 'suffix', label: string, before: readonly SseEvent[]) {
    this.#format = format;
    this.#position = position;
    this.#label = label;
    this.#before = before;
  }

  transform(event: SseEvent, controller: StreamController): void {
    for (const one of this.#before) controller.enqueue(one);
    this.#before = [];
    const kind = this.#format.kind(event);
    if (kind === 'ping') {
      // Shows that the connection lives, just while something waits.
      controller.enqueue(event);
      return;
    }
    if (this.#label !== '') this.#note(event);
    this.#queue.push(event);
    if (kind === 'terminal') this.#decideAll();
    this.#release(controller);
  }

  flush(controller: StreamController): void {
    for (const one of this.#before) controller.enqueue(one);
    this.#decideAll();
    this.#release(controller);
  }

  #note(event: SseEvent): void {
    this.#format.mapEvent(event, ({ channel, key, editable, partial, text }) => {
      if (!partial) return text;
      const place = placeOf(key);
      const id = groupOf(place);
      let group = this.#groups.get(id);
      if (channel === 'text' && editable) {
        if (group === undefined) {
          group = { labelled: undefined, last: undefined, place };
          this.#groups.set(id, group);
        }
        if (group.labelled !== undefined) return text;
        group.last = event;
        group.place = place;
        if (this.#position === 'prefix') this.#decide(group);
      } else if (channel === 'tool-arguments' && group !== undefined) {
        // Behind a text that a tool call follows: what comes then must not wait for the end of the answer.
        this.#decide(group);
      }
      return text;
    });
    for (const path of this.#format.endedTexts(event)) {
      const group = this.#groups.get(path);
      if (group !== undefined) this.#decide(group);
    }
  }

  #decide(group: Group): void {
    if (group.labelled !== undefined || group.last === undefined) return;
    group.labelled = group.place;
    this.#marked.add(group.last);
    group.last = undefined;
  }

  #decideAll(): void {
    for (const group of this.#groups.values()) this.#decide(group);
  }

  #release(controller: StreamController): void {
    const waiting = new Set([...this.#groups.values()].map(({ last }) => last));
    let done = 0;
    for (const event of this.#queue) {
      if (waiting.has(event)) break;
      controller.enqueue(this.#labelled(event));
      done++;
    }
    if (done > 0) this.#queue = this.#queue.slice(done);
  }

  #labelled(event: SseEvent): SseEvent {
    const marked = this.#marked.delete(event);
    if (this.#groups.size === 0) return event;
    return this.#format.mapEvent(event, ({ channel, key, partial, text }) => {
      if (channel !== 'text' || (partial && !marked)) return text;
      const place = placeOf(key);
      if (this.#groups.get(groupOf(place))?.labelled !== place) return text;
      // A text that is repeated as a whole carries the label that its pieces carried.
      return this.#position === 'prefix' ? this.#label + text : text + this.#label;
    });
  }
}
