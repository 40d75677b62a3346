import { SseEvent } from '../stream/sse-event.ts';
import { eventName } from './event-kind.ts';
import type { StreamEnding } from './format.ts';
import { get } from './spot.ts';

function message(callId: string, model: string | undefined, content: readonly object[]): object {
  return {
    id: `msg_${callId}`,
    type: 'message',
    role: 'assistant',
    model: model ?? 'none',
    content,
    stop_reason: content.length > 0 ? 'refusal' : null,
    stop_sequence: null,
    usage: { input_tokens: 0, output_tokens: 0 },
  };
}

/** A message that refuses. The provider's own refusals are such answers, too: a 200 with a stop reason. */
export function anthropicRefusal(text: string, callId: string, model: string | undefined): string {
  return JSON.stringify(message(callId, model, [{ type: 'text', text }]));
}

/** The block that an event ends. */
export function anthropicEndedTexts(event: SseEvent): readonly string[] {
  if (eventName(event) !== 'content_block_stop') return [];
  return [`content.${String(get(event.json, 'index'))}`];
}

/** Closes the block that is open and says the refusal in one of its own. */
export class AnthropicEnding implements StreamEnding {
  readonly #callId: string;
  readonly #model: string | undefined;
  #started = false;
  #open: unknown;
  #next = 0;
  #outputTokens: unknown = 0;

  constructor(callId: string, model: string | undefined) {
    this.#callId = callId;
    this.#model = model;
  }

  note(event: SseEvent): void {
    switch (eventName(event)) {
      case 'message_start':
        this.#started = true;
        this.#outputTokens = get(get(get(event.json, 'message'), 'usage'), 'output_tokens') ?? 0;
        break;
      case 'content_block_start':
        this.#open = get(event.json, 'index');
        this.#next = Math.max(this.#next, Number(this.#open) + 1);
        break;
      case 'content_block_stop':
        this.#open = undefined;
        break;
      default:
    }
  }

  refuse(text: string): SseEvent[] {
    const events: SseEvent[] = [];
    const say = (type: string, fields: object): void => {
      events.push(SseEvent.of(type, JSON.stringify({ type, ...fields })));
    };
    const index = this.#next;
    if (!this.#started) say('message_start', { message: message(this.#callId, this.#model, []) });
    if (this.#open !== undefined) say('content_block_stop', { index: this.#open });
    say('content_block_start', { index, content_block: { type: 'text', text: '' } });
    say('content_block_delta', { index, delta: { type: 'text_delta', text } });
    say('content_block_stop', { index });
    say('message_delta', {
      delta: { stop_reason: 'refusal', stop_sequence: null },
      usage: { output_tokens: this.#outputTokens },
    });
    say('message_stop', {});
    return events;
  }
}
