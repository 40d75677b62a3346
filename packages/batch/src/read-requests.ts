import { type BatchRequest, complaintAbout } from './request.ts';
import { splitLines } from './split-lines.ts';

/** What the Messages API takes at most, and some room for what stands around it. */
const MAX_LINE_BYTES = 33 << 20;

/**
 * Reads items from JSON lines: those of Anthropic's Message Batches, `{"custom_id", "params"}`, and those of OpenAI's
 * Batch API, `{"custom_id", "method", "url", "body"}`. Empty lines are skipped.
 *
 * @param chunks A file's stream, standard input, or pieces of text.
 * @throws TypeError At a line that is no request; it names the line. RangeError at one of more than 33 MiB.
 */
export async function* readRequests(
  chunks: Iterable<Uint8Array | string> | AsyncIterable<Uint8Array | string>,
): AsyncGenerator<BatchRequest, undefined> {
  // Takes a byte order mark off, and what is no UTF-8 for an error: it would be sent as something else.
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for await (const { bytes, number } of splitLines(chunks, MAX_LINE_BYTES)) {
    let line: unknown;
    try {
      const text = decoder.decode(bytes).trim();
      if (text === '') continue;
      line = JSON.parse(text);
    } catch (cause) {
      throw new TypeError(`line ${number} is no JSON in UTF-8`, { cause });
    }
    const request = requestOf(line, number);
    const complaint = complaintAbout(request);
    if (complaint !== undefined)
      throw new TypeError(`line ${number} ${complaint.replace('customId', 'custom_id')}`);
    yield request;
  }
  return undefined;
}

function requestOf(line: unknown, number: number): BatchRequest {
  const fields = typeof line === 'object' && line !== null ? (line as Readonly<Record<string, unknown>>) : {};
  const { custom_id: customId, params, method = 'POST', url, body } = fields;
  if (method !== 'POST') throw new TypeError(`line ${number} has a method other than POST`);
  if (params !== undefined && body !== undefined)
    throw new TypeError(`line ${number} has both params and body; write one of them`);
  // Whether they are what they should be is told of an item, wherever it comes from.
  return { customId, params: params ?? body, ...(url !== undefined && { url }) } as BatchRequest;
}
