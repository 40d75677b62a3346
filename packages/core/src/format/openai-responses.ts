import type { SseEvent } from '../stream/sse-event.ts';
import { mapEventJson } from './bodies.ts';
import { eventName, kindByName } from './event-kind.ts';
import type { EventKind, Format, Usage } from './format.ts';
import { openaiError, openaiErrorFrom, openaiErrorStatus } from './openai-errors.ts';
import { ResponsesEnding, responsesEndedTexts, responsesRefusal } from './openai-responses-ending.ts';
import { mapResponsesEvent } from './openai-responses-events.ts';
import { mapResponsesInput, mapResponsesOutput } from './openai-responses-text.ts';
import { otherModels } from './other-models.ts';
import { endsWithRoute } from './paths.ts';
import { responsesEventSignatures, responsesSignatures } from './signatures.ts';
import { get, isObject } from './spot.ts';
import { lastMember } from '../json/last-member.ts';
import { openaiUsage } from './usage.ts';

/** Compacting and counting take the same body, so the same text goes in. */
const ROUTES = ['/responses', '/responses/compact', '/responses/input_tokens'];

const KINDS: ReadonlyMap<string, EventKind> = new Map<string, EventKind>([
  ['response.created', 'preamble'],
  ['response.queued', 'preamble'],
  ['response.in_progress', 'preamble'],
  ['response.completed', 'terminal'],
  ['response.incomplete', 'terminal'],
  ['response.failed', 'error'],
  ['error', 'error'],
]);

const LAST: ReadonlySet<string> = new Set(['response.completed', 'response.incomplete', 'response.failed']);

const usageOf = (usage: unknown, before?: Usage): Usage | undefined =>
  openaiUsage(usage, 'input_tokens', 'output_tokens', before);

/** What an error event says: nested as OpenAI sends it, flat as it documents it, or within a failed response. */
function errorOf(event: SseEvent): unknown {
  const { json } = event;
  return get(json, 'error') ?? get(get(json, 'response'), 'error') ?? json;
}

/** OpenAI's Responses API. */
export const openaiResponses: Format = {
  name: 'openai-responses',
  matches: (method, path) => method === 'POST' && endsWithRoute(path, ROUTES),
  mapInput: mapResponsesInput,
  mapOutput: mapResponsesOutput,
  mapEvent: (event, map) => mapEventJson(event, map, mapResponsesEvent),
  kind: (event) => kindByName(event, KINDS),
  tellsUsage: (event) => LAST.has(eventName(event)),
  eventUsage(event, before) {
    return LAST.has(eventName(event)) ? usageOf(get(get(event.json, 'response'), 'usage'), before) : before;
  },
  usage: (answer) => usageOf(lastMember(answer, 'usage')),
  signatures: responsesSignatures,
  eventSignatures: responsesEventSignatures,
  errorEventStatus: (event) => openaiErrorStatus(errorOf(event)),
  errorEventBody: (event) => JSON.stringify({ error: openaiErrorFrom(errorOf(event)) }),
  errorBody: (error) => JSON.stringify({ error: openaiError(error) }),
  errorEvent(error) {
    const said = openaiError(error);
    // Flat as documented, and nested as OpenAI sends it: clients look for the one or the other.
    const data = {
      type: 'error',
      code: said.code,
      message: said.message,
      param: null,
      sequence_number: 0,
      error: said,
    };
    return `event: error\ndata: ${JSON.stringify(data)}\n\n`;
  },
  otherModels,
  structured: (body) =>
    isObject(get(get(body, 'text'), 'format')) && get(get(get(body, 'text'), 'format'), 'type') !== 'text',
  endedTexts: responsesEndedTexts,
  refusalBody: responsesRefusal,
  streamEnding: (callId, model) => new ResponsesEnding(callId, model),
};
