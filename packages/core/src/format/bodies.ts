import type { PipelineError } from '../errors.ts';
import type { SseEvent } from '../stream/sse-event.ts';
import type { TextMapper } from './format.ts';

/** Walks the text of an event's JSON; the same event when nothing changed, or when it holds no JSON object. */
export function mapEventJson(
  event: SseEvent,
  map: TextMapper,
  walk: (json: unknown, map: TextMapper) => unknown,
): SseEvent {
  const json = event.hasData ? event.json : undefined;
  if (json === undefined) return event;
  const after = walk(json, map);
  return Object.is(after, json) ? event : event.withJson(after);
}

/** The message of a refusal. That of a used-up quota says "billing": LangChain retries a 429 six times unless it does. */
export function messageOf(error: PipelineError): string {
  if (error.code !== 'quota_exceeded' || error.message.toLowerCase().includes('billing'))
    return error.message;
  return `${error.message} (billing limit)`;
}
