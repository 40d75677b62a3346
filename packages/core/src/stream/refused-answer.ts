import type { PipelineError } from '../errors.ts';
import type { Format } from '../format/format.ts';
import { adopted } from './answer.ts';
import { LazyResponse } from './lazy-response.ts';

/**
 * Marks an answer that a plugin made as a refusal: its reader takes it for an answer, and the call is counted by
 * `error`, as a stream is that `terminate` ended. Takes the response over: return what this returns.
 */
export function refusedAnswer(
  response: Response,
  format: Format | undefined,
  error: PipelineError,
): Response {
  const marked = adopted(response, format);
  const facts = LazyResponse.factsOf(marked);
  if (facts !== undefined) facts.terminated = error;
  return marked;
}
