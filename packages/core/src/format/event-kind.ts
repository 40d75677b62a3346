import type { SseEvent } from '../stream/sse-event.ts';
import type { EventKind } from './format.ts';
import { get } from './spot.ts';

/** The name of an event: the `event:` line, or the data's `type` where an upstream sends data only. */
export function eventName(event: SseEvent): string {
  if (event.type !== 'message') return event.type;
  const type = get(event.json, 'type');
  return typeof type === 'string' ? type : event.type;
}

/** The kind of a named event. Unknown names are content; a block without data, such as a comment, is a ping. */
export function kindByName(event: SseEvent, kinds: ReadonlyMap<string, EventKind>): EventKind {
  if (!event.hasData) return 'ping';
  return kinds.get(eventName(event)) ?? 'content';
}
