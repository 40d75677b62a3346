import { PipelineError } from '../errors.ts';
import { adopted } from './answer.ts';
import { bytesSource, readAll } from './body.ts';
import { LazyResponse, takeSource } from './lazy-response.ts';

/** Headers that describe bytes which are no longer sent. */
const STALE = ['content-length', 'content-md5', 'content-digest', 'digest', 'etag', 'transfer-encoding'];

/**
 * Reads a whole JSON answer and changes it. What `map` gives back unchanged leaves in its own bytes. Takes the response
 * over: return what this returns.
 *
 * @param maxBytes A larger answer is refused, and its rest given up.
 * @throws PipelineError `answer_too_large`, or `bad_answer` when it is no JSON.
 */
export async function mapJsonAnswer(
  given: Response,
  maxBytes: number,
  map: (body: unknown) => unknown,
): Promise<Response> {
  const response = LazyResponse.is(given) ? given : adopted(given, undefined);
  const bytes = await readAll(takeSource(response), maxBytes, () => new PipelineError('answer_too_large'));
  let body: unknown;
  try {
    body = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new PipelineError('bad_answer', { cause: error });
  }
  const mapped = map(body);
  const changed = mapped instanceof Promise ? ((await mapped) as unknown) : mapped;
  if (Object.is(changed, body)) return LazyResponse.putBody(response, { bytes: bytesSource(bytes) });
  LazyResponse.dropHeaders(response, STALE);
  return LazyResponse.putBody(response, { bytes: bytesSource(Buffer.from(JSON.stringify(changed))) });
}
