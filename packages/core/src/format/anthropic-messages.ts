import { mapTextDelta } from './anthropic-delta.ts';
import { AnthropicEnding, anthropicEndedTexts, anthropicRefusal } from './anthropic-ending.ts';
import { anthropicErrorBody, anthropicErrorEventBody, anthropicErrorStatus } from './anthropic-errors.ts';
import { mapAnthropicEvent, mapAnthropicInput, mapAnthropicOutput } from './anthropic-text.ts';
import { eventName, kindByName } from './event-kind.ts';
import type { EventKind, Format } from './format.ts';
import { mapEventJson } from './bodies.ts';
import { lastMember } from '../json/last-member.ts';
import { otherModels } from './other-models.ts';
import { endsWithRoute } from './paths.ts';
import { anthropicEventSignatures, anthropicSignatures } from './signatures.ts';
import { get, isObject } from './spot.ts';
import { anthropicUsage } from './usage.ts';

/** Counting takes the same body, so the same text goes in. */
const ROUTES = ['/v1/messages', '/v1/messages/count_tokens'];

const KINDS: ReadonlyMap<string, EventKind> = new Map<string, EventKind>([
  ['message_start', 'preamble'],
  ['ping', 'ping'],
  ['message_stop', 'terminal'],
  ['error', 'error'],
]);

const USAGE_EVENTS = new Set(['message_start', 'message_delta']);

/** Anthropic's Messages API, wherever it is served in this shape. */
export const anthropicMessages: Format = {
  name: 'anthropic-messages',
  matches: (method, path) => method === 'POST' && endsWithRoute(path, ROUTES),
  mapInput: mapAnthropicInput,
  mapOutput: mapAnthropicOutput,
  mapEvent: (event, map) => mapTextDelta(event, map) ?? mapEventJson(event, map, mapAnthropicEvent),
  kind: (event) => kindByName(event, KINDS),
  tellsUsage: (event) => USAGE_EVENTS.has(eventName(event)),
  eventUsage(event, before) {
    switch (eventName(event)) {
      case 'message_start':
        return anthropicUsage(get(get(event.json, 'message'), 'usage'), before);
      case 'message_delta':
        return anthropicUsage(get(event.json, 'usage'), before);
      default:
        return before;
    }
  },
  usage: (answer) => anthropicUsage(lastMember(answer, 'usage')),
  signatures: anthropicSignatures,
  eventSignatures: anthropicEventSignatures,
  errorEventStatus: anthropicErrorStatus,
  errorEventBody: anthropicErrorEventBody,
  errorBody: anthropicErrorBody,
  errorEvent: (error, callId) => `event: error\ndata: ${anthropicErrorBody(error, callId)}\n\n`,
  otherModels,
  structured: (body) =>
    isObject(get(body, 'output_format')) || isObject(get(get(body, 'output_config'), 'format')),
  endedTexts: anthropicEndedTexts,
  refusalBody: anthropicRefusal,
  streamEnding: (callId, model) => new AnthropicEnding(callId, model),
};
