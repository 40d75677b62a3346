import { SseEvent } from '../stream/sse-event.ts';
import { eventName } from './event-kind.ts';
import type { StreamEnding } from './format.ts';
import { get, isObject, type JsonObject } from './spot.ts';

const POSITIONS = ['output', 'content', 'summary', 'command'] as const;

/** The texts that a `….done` event ends, by their place. */
export function responsesEndedTexts(event: SseEvent): readonly string[] {
  if (!eventName(event).endsWith('.done')) return [];
  const path = POSITIONS.flatMap((name) => {
    const index = get(event.json, `${name}_index`);
    return typeof index === 'number' ? [`${name}.${index}`] : [];
  });
  return path.length === 0 ? [] : [path.join('.')];
}

function bare(callId: string, model: string | undefined): JsonObject {
  return {
    id: `resp_${callId}`,
    object: 'response',
    created_at: 0,
    error: null,
    incomplete_details: null,
    instructions: null,
    metadata: {},
    model: model ?? 'none',
    parallel_tool_calls: true,
    temperature: null,
    tool_choice: 'auto',
    tools: [],
    top_p: null,
    status: 'in_progress',
    output: [],
  };
}

function textPart(text: string): object {
  return { type: 'output_text', annotations: [], logprobs: [], text };
}

function messageItem(id: string, status: string, content: readonly object[]): JsonObject {
  return { id, type: 'message', role: 'assistant', status, content };
}

function refused(response: JsonObject, output: readonly unknown[]): JsonObject {
  const incomplete_details = { reason: 'content_filter' };
  return { ...response, status: 'incomplete', incomplete_details, output };
}

/** A response that refuses, as a provider's content filter does. */
export function responsesRefusal(text: string, callId: string, model: string | undefined): string {
  const item = messageItem(`msg_${callId}`, 'completed', [textPart(text)]);
  return JSON.stringify(refused(bare(callId, model), [item]));
}

/** Ends the item that is open, says the refusal in one of its own, and ends the response as incomplete. */
export class ResponsesEnding implements StreamEnding {
  readonly #callId: string;
  #response: JsonObject;
  #created = false;
  #sequence = 0;
  readonly #items: unknown[] = [];
  #open: { readonly index: number; readonly item: JsonObject } | undefined;
  #part: { readonly at: JsonObject; text: string } | undefined;

  constructor(callId: string, model: string | undefined) {
    this.#callId = callId;
    this.#response = bare(callId, model);
  }

  note(event: SseEvent): void {
    const { json } = event;
    const sequence = get(json, 'sequence_number');
    if (typeof sequence === 'number') this.#sequence = sequence + 1;
    const index = Number(get(json, 'output_index') ?? 0);
    const item = get(json, 'item');
    switch (eventName(event)) {
      case 'response.created': {
        const response = get(json, 'response');
        if (isObject(response)) this.#response = response;
        this.#created = true;
        break;
      }
      case 'response.output_item.added':
        if (isObject(item)) this.#open = { index, item };
        break;
      case 'response.output_item.done':
        // In the order of their ends, which is that of their places: a place that the upstream names may be any number.
        if (isObject(item)) this.#items.push(item);
        this.#open = undefined;
        break;
      case 'response.content_part.added':
        if (get(get(json, 'part'), 'type') === 'output_text') {
          const at = {
            item_id: get(json, 'item_id'),
            output_index: index,
            content_index: get(json, 'content_index'),
          };
          this.#part = { at, text: '' };
        }
        break;
      case 'response.output_text.delta':
        if (this.#part !== undefined) this.#part.text += String(get(json, 'delta'));
        break;
      case 'response.content_part.done':
        this.#part = undefined;
        break;
      default:
    }
  }

  refuse(text: string): SseEvent[] {
    const events: SseEvent[] = [];
    const say = (type: string, fields: object): void => {
      const data = { type, sequence_number: this.#sequence++, ...fields };
      events.push(SseEvent.of(type, JSON.stringify(data)));
    };
    const endPart = (at: object, said: string): object => {
      const part = textPart(said);
      say('response.output_text.done', { ...at, text: said, logprobs: [] });
      say('response.content_part.done', { ...at, part });
      return part;
    };
    if (!this.#created) say('response.created', { response: this.#response });
    const output = [...this.#items];
    const part = this.#part === undefined ? undefined : endPart(this.#part.at, this.#part.text);
    if (this.#open !== undefined) {
      const { index, item } = this.#open;
      const content = part === undefined ? {} : { content: [part] };
      const ended = { ...item, ...content, status: 'incomplete' };
      output.push(ended);
      say('response.output_item.done', { output_index: index, item: ended });
    }
    const item_id = `msg_${this.#callId}`;
    const at = { item_id, output_index: output.length, content_index: 0 };
    say('response.output_item.added', {
      output_index: output.length,
      item: messageItem(item_id, 'in_progress', []),
    });
    say('response.content_part.added', { ...at, part: textPart('') });
    say('response.output_text.delta', { ...at, delta: text, logprobs: [] });
    const item = messageItem(item_id, 'completed', [endPart(at, text)]);
    say('response.output_item.done', { output_index: output.length, item });
    say('response.incomplete', { response: refused(this.#response, [...output, item]) });
    return events;
  }
}
