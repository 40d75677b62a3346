import { PipelineError } from '../errors.ts';
import { readAll } from './body.ts';
import { headerRecord, LazyResponse, takeSource } from './lazy-response.ts';
import { refusedAnswer } from './refused-answer.ts';

/** Headers that describe bytes which are no longer sent. */
const STALE = new Set([
  'content-length',
  'content-md5',
  'content-digest',
  'digest',
  'etag',
  'transfer-encoding',
]);

/**
 * Reads a whole JSON answer and changes it. What `map` gives back unchanged leaves in its own bytes. Takes the response
 * over: return what this returns.
 *
 * @param maxBytes A larger answer is refused, and its rest given up.
 */
export async function mapJsonAnswer(
  response: Response,
  maxBytes: number,
  map: (body: unknown) => unknown,
): Promise<Response> {
  const { status, statusText } = response;
  const facts = LazyResponse.factsOf(response);
  const headers = new Headers();
  for (const [name, value] of Object.entries(headerRecord(response))) {
    if (STALE.has(name)) continue;
    for (const one of Array.isArray(value) ? value : [value]) headers.append(name, one);
  }
  const bytes = await readAll(takeSource(response), maxBytes, () => new PipelineError('answer_too_large'));
  let body: unknown;
  try {
    body = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new PipelineError('bad_answer', { cause: error });
  }
  const changed = await map(body);
  const mapped = new Response(Object.is(changed, body) ? bytes : JSON.stringify(changed), {
    status,
    statusText,
    headers,
  });
  // A refusal stays one, whoever adds to what it says.
  return facts?.terminated === undefined ? mapped : refusedAnswer(mapped, facts.format, facts.terminated);
}
