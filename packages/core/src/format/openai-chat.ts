import { ChatEnding, chatEndedTexts, chatRefusal } from './openai-chat-ending.ts';
import { mapEventJson } from './bodies.ts';
import type { Format } from './format.ts';
import { openaiError, openaiErrorFrom, openaiErrorStatus } from './openai-errors.ts';
import { chatKind } from './openai-chat-kind.ts';
import { mapChatEvent, mapChatInput, mapChatOutput } from './openai-chat-text.ts';
import { otherModels } from './other-models.ts';
import { endsWithRoute } from './paths.ts';
import { get, isObject } from './spot.ts';
import { lastMember } from '../json/last-member.ts';
import { openaiUsage } from './usage.ts';

const ROUTES = ['/chat/completions'];

const usageOf: Format['usage'] = (answer) =>
  openaiUsage(lastMember(answer, 'usage'), 'prompt_tokens', 'completion_tokens');

/** OpenAI's Chat Completions, and the many servers that speak them. */
export const openaiChat: Format = {
  name: 'openai-chat',
  matches: (method, path) => method === 'POST' && endsWithRoute(path, ROUTES),
  mapInput: mapChatInput,
  mapOutput: mapChatOutput,
  mapEvent: (event, map) => mapEventJson(event, map, mapChatEvent),
  kind: chatKind,
  tellsUsage: (event) => holdsUsage(event.data),
  eventUsage(event, before) {
    if (!holdsUsage(event.data)) return before;
    return openaiUsage(get(event.json, 'usage'), 'prompt_tokens', 'completion_tokens', before);
  },
  usage: usageOf,
  errorEventStatus: (event) => openaiErrorStatus(get(event.json, 'error') ?? event.json),
  errorEventBody(event) {
    const error = get(event.json, 'error');
    if (error !== undefined && error !== null) return event.data;
    return JSON.stringify({ error: openaiErrorFrom(event.json) });
  },
  errorBody: (error) => JSON.stringify({ error: openaiError(error) }),
  errorEvent: (error) => `data: ${JSON.stringify({ error: openaiError(error) })}\n\n`,
  otherModels,
  structured: (body) =>
    isObject(get(body, 'response_format')) && get(get(body, 'response_format'), 'type') !== 'text',
  endedTexts: chatEndedTexts,
  refusalBody: chatRefusal,
  streamEnding: (callId, model) => new ChatEnding(callId, model),
};

const USAGE = '"usage"';

/** Whether a chunk may hold usage. With `include_usage` every chunk but the last says `"usage":null`. */
function holdsUsage(data: string): boolean {
  for (let at = data.indexOf(USAGE); at >= 0; at = data.indexOf(USAGE, at)) {
    at += USAGE.length;
    while (' \n\r\t:'.includes(data.charAt(at)) && at < data.length) at++;
    if (data.charAt(at) === '{') return true;
  }
  return false;
}
