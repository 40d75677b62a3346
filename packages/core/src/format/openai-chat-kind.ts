import type { SseEvent } from '../stream/sse-event.ts';
import type { EventKind } from './format.ts';
import { get, isObject } from './spot.ts';

const PLAIN_DELTA = '"delta":{"content":"';

/**
 * What a chunk means. Most are deltas of text in the exact spelling of OpenAI, and are told without parsing: inside a
 * JSON string every quote has a backslash before it, so what is searched here can only be JSON's own.
 */
export function chatKind(event: SseEvent): EventKind {
  if (!event.hasData) return 'ping';
  const { data } = event;
  if (data.startsWith('[DONE]')) return 'terminal';
  if (event.type === 'error') return 'error';
  const plain = data.indexOf(PLAIN_DELTA);
  if (plain >= 0 && data[plain + PLAIN_DELTA.length] !== '"' && !data.includes('"error"')) return 'content';
  return parsedKind(event.json);
}

function parsedKind(json: unknown): EventKind {
  if (isFilled(get(json, 'error'))) return 'error';
  const choices = get(json, 'choices');
  if (!Array.isArray(choices)) return 'content';
  return choices.some(saysSomething) ? 'content' : 'preamble';
}

/** Whether a choice holds more than the announcement of a role. */
function saysSomething(choice: unknown): boolean {
  if (isFilled(get(choice, 'finish_reason')) || isFilled(get(choice, 'message'))) return true;
  const delta = get(choice, 'delta');
  if (!isObject(delta)) return isFilled(delta);
  return Object.keys(delta).some((name) => name !== 'role' && isFilled(delta[name]));
}

function isFilled(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === false) return false;
  return !Array.isArray(value) || value.length > 0;
}
