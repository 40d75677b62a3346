import { createReadStream } from 'node:fs';
import { readRequests } from '../read-requests.ts';

/**
 * Reads a file of requests to its end, so that what is wrong with it is known before anything is paid for. Returns how many
 * there are.
 *
 * @throws TypeError At the first line that is no request or has the id of another.
 */
export async function checkInput(path: string, signal: AbortSignal): Promise<number> {
  const ids = new Set<string>();
  for await (const { customId } of readRequests(createReadStream(path))) {
    signal.throwIfAborted();
    if (ids.has(customId)) throw new TypeError(`two requests have the custom_id "${customId}"`);
    ids.add(customId);
  }
  return ids.size;
}
