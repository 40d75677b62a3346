/** One server-sent event to be written. */
export interface SseEvent {
  /** The event's name. Left out: a data-only event, as OpenAI's chat streams have. */
  readonly event?: string;
  /** The data: a string as it is (line breaks make several `data:` lines), an object as JSON. */
  readonly data: string | object;
}

/** Writes events in the form providers use: LF line ends, one space after the colon, a blank line after each. */
export function sse(events: readonly SseEvent[]): string {
  return events.map(sseEvent).join('');
}

/** Writes one event; see {@link sse}. */
export function sseEvent({ event, data }: SseEvent): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  const name = event === undefined ? '' : `event: ${event}\n`;
  return `${name}${text
    .split('\n')
    .map((line) => `data: ${line}\n`)
    .join('')}\n`;
}
