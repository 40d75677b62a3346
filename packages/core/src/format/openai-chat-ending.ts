import { SseEvent } from '../stream/sse-event.ts';
import type { StreamEnding } from './format.ts';
import { get, isObject } from './spot.ts';

function choicesOf(json: unknown): readonly unknown[] {
  const choices = get(json, 'choices');
  return Array.isArray(choices) ? (choices as readonly unknown[]) : [];
}

function finished(choice: unknown): boolean {
  return typeof get(choice, 'finish_reason') === 'string';
}

function head(callId: string, model: string | undefined, object: string): object {
  return { id: `chatcmpl-${callId}`, object, created: 0, model: model ?? 'none' };
}

/** A completion that refuses, as a provider's content filter does. */
export function chatRefusal(text: string, callId: string, model: string | undefined): string {
  const message = { role: 'assistant', content: text, refusal: null };
  return JSON.stringify({
    ...head(callId, model, 'chat.completion'),
    choices: [{ index: 0, message, logprobs: null, finish_reason: 'content_filter' }],
  });
}

/** The choices that a chunk ends. */
export function chatEndedTexts(event: SseEvent): readonly string[] {
  // Most chunks say null: they are told without parsing.
  if (!event.data.includes('"finish_reason"') || !/"finish_reason"\s*:\s*"/.test(event.data)) return [];
  return choicesOf(event.json)
    .filter(finished)
    .map((choice, i) => {
      const index = get(choice, 'index');
      return `choices.${typeof index === 'number' ? index : i}`;
    });
}

/** Ends every choice that is not ended yet. */
export class ChatEnding implements StreamEnding {
  #head: object;
  /** Choices that have begun, and whether they have ended. */
  readonly #choices = new Map<unknown, boolean>();

  constructor(callId: string, model: string | undefined) {
    this.#head = head(callId, model, 'chat.completion.chunk');
  }

  note(event: SseEvent): void {
    const { json } = event;
    if (!isObject(json)) return;
    if (this.#choices.size === 0) {
      const { choices: _, usage: __, ...rest } = json;
      this.#head = { ...this.#head, ...rest };
    }
    for (const choice of choicesOf(json)) {
      const index = get(choice, 'index') ?? 0;
      this.#choices.set(index, this.#choices.get(index) === true || finished(choice));
    }
  }

  refuse(text: string): SseEvent[] {
    const begun = this.#choices.size > 0;
    const open = begun ? [...this.#choices].filter(([, ended]) => !ended).map(([index]) => index) : [0];
    // All choices in one chunk: the head, which the upstream wrote, would be repeated as often as it begins choices.
    const chunk = (delta: object, reason: string | null): SseEvent => {
      const choices = open.map((index) => ({ index, delta, logprobs: null, finish_reason: reason }));
      return SseEvent.of('', JSON.stringify({ ...this.#head, choices }));
    };
    const said = { ...(begun ? {} : { role: 'assistant' }), content: text };
    const events = open.length === 0 ? [] : [chunk(said, null), chunk({}, 'content_filter')];
    return [...events, SseEvent.of('', '[DONE]')];
  }
}
