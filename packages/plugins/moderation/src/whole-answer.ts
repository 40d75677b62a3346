import { type Format, headerRecord, PipelineError, readFrom, takeSource } from '@sluice/core';

/** Headers that describe bytes which are no longer sent. */
const STALE = new Set(['content-length', 'content-md5', 'content-digest', 'digest', 'etag', 'transfer-encoding']);

/** Reads a whole answer, and gives it back changed or, where nothing is changed, in its own bytes. */
export async function mapAnswer(
  response: Response,
  maxBytes: number,
  map: (body: unknown) => Promise<unknown>,
): Promise<Response> {
  const { status, statusText } = response;
  const record = headerRecord(response);
  const bytes = await readBytes(response, maxBytes);
  let body: unknown;
  try {
    body = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new PipelineError('bad_answer');
  }
  const changed = await map(body);
  const headers = new Headers();
  for (const [name, value] of Object.entries(record)) {
    if (STALE.has(name)) continue;
    for (const one of Array.isArray(value) ? value : [value]) headers.append(name, one);
  }
  const same = Object.is(changed, body);
  return new Response(same ? new Uint8Array(bytes) : JSON.stringify(changed), { status, statusText, headers });
}

async function readBytes(response: Response, maxBytes: number): Promise<Buffer> {
  const source = takeSource(response);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const chunk = await readFrom(source);
    if (chunk === null) return Buffer.concat(chunks);
    length += chunk.length;
    if (length > maxBytes) {
      const error = new PipelineError('answer_too_large', { plugin: 'moderation' });
      source.cancel(error);
      throw error;
    }
    chunks.push(chunk);
  }
}

/** Whether an answer holds text of the format: not an error, and JSON. */
export function isAnswer(response: Response, format: Format | undefined): format is Format {
  return format !== undefined && response.status < 300;
}
