import { duplicate, SINGLE_HEADERS } from './single-headers.ts';

/** Credentials of these schemes hold no comma: with one, two headers were joined. Others, such as AWS's, are lists. */
const JOINED_CREDENTIALS = /^(?:bearer|basic)\s[^,]*,|,\s*(?:bearer|basic)\s/i;
/** A comma inside quotes belongs to a parameter, a multipart boundary for instance. */
const QUOTED = /"(?:[^"\\]|\\.)*"/g;

/**
 * The headers of a web-standard request, one value each. `Headers` has joined repeated ones: those that may come only
 * once are refused where it shows.
 *
 * @throws PipelineError `duplicate_header`.
 */
export function webHeaders(headers: Headers): Record<string, string> {
  const record: Record<string, string> = {};
  for (const [name, value] of headers) {
    if (name === 'set-cookie') continue;
    if (SINGLE_HEADERS.has(name) && value.includes(',') && isJoined(name, value)) throw duplicate(name);
    record[name] = value;
  }
  return record;
}

function isJoined(name: string, value: string): boolean {
  if (name === 'authorization') return JOINED_CREDENTIALS.test(value);
  return value.replaceAll(QUOTED, '').includes(',');
}
